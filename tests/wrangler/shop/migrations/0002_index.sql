CREATE INDEX orders_by_item ON orders (item);
INSERT INTO orders (item) VALUES ('first; with a semicolon');
