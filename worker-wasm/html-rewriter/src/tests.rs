//! The exports as JavaScript calls them, with a script in its place.

use crate::codes::{DONE, FAILED, NONE, attribute, flag, kind, outcome, place, property};
use crate::exports::*;
use crate::host::{Host, install};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

type Handler = Box<dyn Fn(u32, u32, usize) -> u32>;

/// What a test's JavaScript does, and what it saw.
struct Script {
    handler: Handler,
    content: Box<dyn Fn(u32, usize) -> u32>,
    settled: u32,
    output: RefCell<Vec<u8>>,
    waits: Cell<u32>,
}

impl Host for Script {
    fn output(&self, _: u32, chunk: &[u8]) {
        self.output.borrow_mut().extend_from_slice(chunk);
    }

    fn call(&self, _: u32, handler: u32, kind: u32, token: usize) -> u32 {
        (self.handler)(handler, kind, token)
    }

    fn content(&self, _: u32, content: u32, sink: usize) -> u32 {
        (self.content)(content, sink)
    }

    fn resumed(&self, _: u32) -> u32 {
        self.waits.set(self.waits.get() + 1);
        self.settled
    }
}

impl Script {
    fn new(handler: impl Fn(u32, u32, usize) -> u32 + 'static) -> Self {
        Self {
            handler: Box::new(handler),
            content: Box::new(|_, _| outcome::STOP),
            settled: outcome::DONE,
            output: RefCell::default(),
            waits: Cell::new(0),
        }
    }

    fn installed(self) -> Rc<Self> {
        let script = Rc::new(self);
        install(Rc::<Self>::clone(&script));
        script
    }

    fn text(&self) -> String {
        String::from_utf8(self.output.take()).unwrap()
    }
}

/// Writes a text where JavaScript would.
#[allow(unsafe_code)]
fn input(bytes: &[u8]) {
    let start = rewriter_input(bytes.len());
    // SAFETY: that is the room that was asked for.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len()) };
}

#[allow(unsafe_code)]
fn output() -> String {
    // SAFETY: both tell of the same text.
    let bytes = unsafe { std::slice::from_raw_parts(rewriter_output(), rewriter_output_length()) };
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[allow(unsafe_code)]
fn write(rewriter: usize, piece: &[u8]) -> i32 {
    let start = rewriter_piece(rewriter, piece.len());
    // SAFETY: as in `input`.
    unsafe { std::ptr::copy_nonoverlapping(piece.as_ptr(), start, piece.len()) };
    rewriter_write(rewriter)
}

/// A rewriter with these element handlers, and document handlers behind them.
fn made(selectors: &[(&str, u32)], document: u32, content_type: &str) -> usize {
    let mut first = 0;
    for (selector, mask) in selectors {
        input(selector.as_bytes());
        assert_eq!(rewriter_on(first, *mask), DONE, "{}", output());
        first += 4;
    }
    rewriter_on_document(first, document);
    input(content_type.as_bytes());
    rewriter_new(7)
}

/// The document through a rewriter, or the error's text.
fn rewrite(rewriter: usize, pieces: &[&[u8]]) -> Result<(), String> {
    assert_ne!(rewriter, 0, "{}", output());
    let mut result = DONE;
    for piece in pieces {
        result = write(rewriter, piece);
        if result != DONE {
            break;
        }
    }
    if result == DONE {
        result = rewriter_end(rewriter);
    }
    rewriter_failure(rewriter);
    let result = if result == DONE { Ok(()) } else { Err(output()) };
    rewriter_free(rewriter);
    result
}

fn name_of(token: usize) -> String {
    assert!(token_text(token, property::NAME) >= 0);
    output()
}

#[test]
fn handlers_change_elements_and_their_end_tags() {
    let script = Script::new(|handler, what, token| {
        if what == kind::END_TAG {
            assert_eq!((handler, name_of(token)), (9, "p".to_owned()));
            input(b"<i>");
            assert_eq!(token_insert(token, place::BEFORE, 0), DONE);
            return outcome::DONE;
        }
        assert_eq!((handler, what, name_of(token)), (0, kind::ELEMENT, "p".to_owned()));
        input(b"classb");
        assert!(token_attribute(token, attribute::SET, 5) >= 0);
        input(b"missing");
        assert_eq!(token_attribute(token, attribute::GET, 7), NONE);
        assert_eq!(token_attribute_at(token, 0), 2);
        assert_eq!(output(), "ida");
        assert_eq!(token_attribute_at(token, 2), NONE);
        input(b"<hr>");
        assert_eq!(token_insert(token, place::BEFORE, 1), DONE);
        assert_eq!(token_on_end_tag(token, 7, 8), DONE);
        // The later one takes the place of the first.
        assert_eq!(token_on_end_tag(token, 7, 9), DONE);
        outcome::DONE
    })
    .installed();
    rewrite(made(&[("p", 1)], 0, "text/html"), &[b"<p id", b"=a>x</", b"p>y"]).unwrap();
    assert_eq!(script.text(), "<hr><p id=a class=\"b\">x&lt;i&gt;</p>y");
}

#[test]
fn every_kind_of_token_has_its_own_operations() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let script = Script::new(move |_, what, token| {
        let text = match what {
            kind::DOCTYPE => {
                assert_eq!(token_text(token, property::PUBLIC_ID), NONE);
                name_of(token)
            }
            kind::COMMENT | kind::TEXT => {
                assert!(token_text(token, property::TEXT) >= 0);
                output()
            }
            kind::DOCUMENT_END => {
                input(b"<end>");
                assert_eq!(token_insert(token, place::APPEND, 1), DONE);
                assert_eq!(token_remove(token, 0), FAILED);
                "end".to_owned()
            }
            other => panic!("{other}"),
        };
        if what == kind::TEXT {
            assert_eq!(token_text(token, property::NAMESPACE), FAILED);
            if text.is_empty() {
                assert_eq!(token_flag(token, flag::LAST), 1);
            }
        } else if what == kind::COMMENT {
            input(b"-->");
            assert_eq!(token_set_text(token, property::TEXT), FAILED);
            assert_eq!(token_remove(token, 0), DONE);
            assert_eq!(token_flag(token, flag::REMOVED), 1);
        }
        log.borrow_mut().push(text);
        outcome::DONE
    })
    .installed();
    rewrite(made(&[], 0b1111, ""), &[b"<!DOCTYPE html><!--c-->t"]).unwrap();
    assert_eq!(script.text(), "<!DOCTYPE html>t<end>");
    assert_eq!(*seen.borrow(), ["html", "c", "t", "", "end"]);
}

#[test]
fn a_promise_is_waited_for_and_a_stop_ends_the_rewriter() {
    let mut script = Script::new(|_, _, _| outcome::PENDING);
    script.settled = outcome::STOP;
    let script = script.installed();
    let error = rewrite(made(&[("p", 1)], 0, ""), &[b"a<p>b<p>c"]).unwrap_err();
    assert_eq!((error.as_str(), script.waits.get()), ("stopped", 1));
    assert_eq!(script.text(), "a");

    let script = Script::new(|_, _, _| outcome::PENDING).installed();
    rewrite(made(&[("p", 1)], 0, ""), &[b"a<p>b<p>c"]).unwrap();
    assert_eq!((script.text().as_str(), script.waits.get()), ("a<p>b<p>c", 2));
}

#[test]
fn later_content_is_written_in_its_place_across_split_characters() {
    let mut script = Script::new(|_, _, token| {
        assert_eq!(token_insert_later(token, place::REPLACE, 7, 3), DONE);
        outcome::DONE
    });
    script.content = Box::new(|content, sink| {
        assert_eq!(content, 3);
        for piece in [&b"<\xc3"[..], b"\xa9>"] {
            input(piece);
            assert_eq!(sink_write(sink, 0), DONE);
        }
        input(b"\xff");
        assert_eq!(sink_write(sink, 1), FAILED);
        assert_eq!(output(), "Invalid UTF-8");
        outcome::DONE
    });
    let script = script.installed();
    rewrite(made(&[("b", 1)], 0, ""), &[b"1<b>x</b>2"]).unwrap();
    assert_eq!(script.text(), "1&lt;\u{e9}&gt;2");
}

#[test]
fn text_is_read_and_written_in_the_documents_encoding() {
    for content_type in ["text/html; charset=windows-1252", "text/html;a=b; CHARSET=\"latin1\""] {
        let script = Script::new(|_, _, token| {
            assert!(token_text(token, property::TEXT) >= 0);
            if output() == "\u{e9}" {
                input("\u{fc}".as_bytes());
                assert_eq!(token_insert(token, place::AFTER, 1), DONE);
            }
            outcome::DONE
        })
        .installed();
        rewrite(made(&[("p", 0b100)], 0, content_type), &[b"<p>\xe9"]).unwrap();
        assert_eq!(script.output.take(), b"<p>\xe9\xfc");
    }
}

#[test]
fn what_cannot_be_done_says_why() {
    input(b"p:hover");
    assert_eq!(rewriter_check_selector(), FAILED);
    assert_eq!(output(), "Unsupported pseudo-class or pseudo-element in selector.");
    for (content_type, error) in [
        ("text/html; charset=klingon", "Unknown character encoding has been provided."),
        ("text/html; charset=utf-16", "Expected ASCII-compatible encoding."),
    ] {
        assert_eq!(made(&[], 0, content_type), 0);
        assert_eq!(output(), error);
    }
    let script = Script::new(|_, _, token| {
        assert_eq!(token_on_end_tag(token, 7, 0), FAILED);
        outcome::DONE
    })
    .installed();
    rewrite(made(&[("br", 1)], 0, ""), &[b"<br>"]).unwrap();
    assert_eq!(script.text(), "<br>");
}

#[test]
fn a_tag_without_an_end_and_nesting_without_one_hit_the_bound() {
    let endless = vec![b'a'; 64 * 1024];
    Script::new(|_, _, _| outcome::DONE).installed();
    let rewriter = made(&[("p", 1)], 0, "");
    let mut result = write(rewriter, b"<p title=\"");
    let mut pieces = 0;
    while result == DONE && pieces < 100 {
        result = write(rewriter, &endless);
        pieces += 1;
    }
    assert_eq!((result, pieces < 60), (FAILED, true));
    rewriter_failure(rewriter);
    assert!(output().contains("memory limit"), "{}", output());
    // A rewriter that failed stays what it is.
    assert_eq!(write(rewriter, b"x"), FAILED);
    assert_eq!(rewriter_end(rewriter), FAILED);
    rewriter_free(rewriter);

    let rewriter = made(&[("p p", 1)], 0, "");
    let deep = b"<p><div>".repeat(8 * 1024);
    let error = (0..100).map(|_| write(rewriter, &deep)).find(|result| *result != DONE);
    assert_eq!(error, Some(FAILED));
    rewriter_free(rewriter);
}
