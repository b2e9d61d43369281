import{ReadStream,WriteStream,init_tty,isatty,tty_default}from"./chunk-GVZRWBMT.js";import"./chunk-37BZZU57.js";init_tty();export{ReadStream,WriteStream,tty_default as default,isatty};
