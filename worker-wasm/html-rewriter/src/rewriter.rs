//! One document on its way through lol_html.

use crate::host;
use crate::token::Token;
use encoding_rs::Encoding;
use lol_html::errors::{RewritingError, SelectorError};
use lol_html::{
    AsciiCompatibleEncoding, DocumentContentHandlers, ElementContentHandlers, HandlerResult, HtmlRewriter,
    MemorySettings, OutputSink, Selector, Settings,
};
use std::borrow::Cow;

/// What a rewriter may hold of a document, in bytes: a tag that is longer, or elements that are nested too deep, end it.
/// As in workerd.
const MAX_MEMORY: usize = 3 * 1024 * 1024;
/// What its buffer has at first, in bytes.
const FIRST_BUFFER: usize = 1024;
/// The stack that it runs on, in bytes. What it needs does not depend on the document.
const STACK: usize = 64 * 1024;

/// Callbacks of one registration: their places in it, as a mask of bits.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Number of the first place; the others follow.
    pub first: u32,
    /// Bit by bit: element, comments, text; or doctype, comments, text, end.
    pub mask: u32,
}

impl Wanted {
    fn place(self, place: u32) -> Option<u32> {
        (self.mask & (1 << place) != 0).then_some(self.first + place)
    }
}

/// The rewriter's handlers, collected before it is made.
#[derive(Default)]
pub struct Plan {
    elements: Vec<(Selector, Wanted)>,
    documents: Vec<Wanted>,
}

impl Plan {
    /// Adds handlers for what a selector matches.
    ///
    /// # Errors
    /// When it is no selector, or one that cannot be matched while a document streams.
    pub fn on(&mut self, selector: &str, wanted: Wanted) -> Result<(), String> {
        self.elements.push((parse_selector(selector)?, wanted));
        Ok(())
    }

    /// Adds handlers for the whole document.
    pub fn on_document(&mut self, wanted: Wanted) {
        self.documents.push(wanted);
    }
}

/// Reads a selector.
///
/// # Errors
/// See [`Plan::on`].
pub fn parse_selector(selector: &str) -> Result<Selector, String> {
    selector.parse().map_err(|error: SelectorError| error.to_string())
}

struct Output(u32);

impl OutputSink for Output {
    fn handle_chunk(&mut self, chunk: &[u8]) {
        // An empty one marks the end.
        if !chunk.is_empty() {
            host::output(self.0, chunk);
        }
    }
}

/// See the module.
pub struct Rewriter {
    /// None when it ended or failed.
    inner: Option<HtmlRewriter<'static, Output>>,
    /// The piece of the document that it works on.
    pub(crate) piece: Vec<u8>,
    /// Why it failed.
    pub(crate) failure: String,
    /// Where its frames live, for they may outlast the call that made them.
    stack: Box<[u128]>,
}

impl Rewriter {
    /// A rewriter whose handlers are called as those of `id`. The content type names the document's encoding; without
    /// one it is UTF-8.
    ///
    /// # Errors
    /// When the encoding is unknown or none that can be parsed byte by byte.
    pub fn new(id: u32, plan: Plan, content_type: &str) -> Result<Self, String> {
        let memory = MemorySettings::new()
            .with_preallocated_parsing_buffer_size(FIRST_BUFFER)
            .with_max_allowed_memory_usage(MAX_MEMORY);
        let mut settings = Settings::new()
            .with_encoding(encoding_of(content_type)?)
            .with_memory_settings(memory)
            // A document that could be read in two ways is refused: one of them might let a script through.
            .with_strict(true);
        for (selector, wanted) in plan.elements {
            let handlers = element_handlers(id, wanted);
            settings = settings.append_element_content_handler((Cow::Owned(selector), handlers));
        }
        for wanted in plan.documents {
            settings = settings.append_document_content_handler(document_handlers(id, wanted));
        }
        let stack = vec![0; STACK / size_of::<u128>()].into_boxed_slice();
        Ok(Self {
            inner: Some(HtmlRewriter::new(settings, Output(id))),
            piece: Vec::new(),
            failure: String::new(),
            stack,
        })
    }

    /// Takes the piece that stands ready. False if the document cannot be parsed within the limits, or a handler stopped
    /// it.
    pub fn write(&mut self) -> bool {
        let Some(mut inner) = self.inner.take() else { return false };
        let result = inner.write(&self.piece);
        if result.is_ok() {
            self.inner = Some(inner);
        }
        self.note(result)
    }

    /// The document ends. False for the same reasons.
    pub fn end(&mut self) -> bool {
        let Some(inner) = self.inner.take() else { return false };
        self.note(inner.end())
    }

    fn note(&mut self, result: Result<(), RewritingError>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                self.failure = error.to_string();
                false
            }
        }
    }

    /// The address that its stack grows down from.
    #[must_use]
    pub fn stack_top(&self) -> usize {
        self.stack.as_ptr_range().end.addr()
    }
}

fn element_handlers(id: u32, wanted: Wanted) -> ElementContentHandlers<'static> {
    ElementContentHandlers {
        element: wanted.place(0).map(|place| {
            Box::new(move |element: &mut lol_html::html_content::Element<'_, '_>| -> HandlerResult {
                host::call(id, place, &mut Token::Element(element))
            }) as lol_html::ElementHandler<'static>
        }),
        comments: wanted.place(1).map(|place| comment_handler(id, place)),
        text: wanted.place(2).map(|place| text_handler(id, place)),
    }
}

fn document_handlers(id: u32, wanted: Wanted) -> DocumentContentHandlers<'static> {
    DocumentContentHandlers {
        doctype: wanted.place(0).map(|place| {
            Box::new(move |doctype: &mut lol_html::html_content::Doctype<'_>| -> HandlerResult {
                host::call(id, place, &mut Token::Doctype(doctype))
            }) as lol_html::DoctypeHandler<'static>
        }),
        comments: wanted.place(1).map(|place| comment_handler(id, place)),
        text: wanted.place(2).map(|place| text_handler(id, place)),
        end: wanted.place(3).map(|place| {
            Box::new(move |end: &mut lol_html::html_content::DocumentEnd<'_>| -> HandlerResult {
                host::call(id, place, &mut Token::DocumentEnd(end))
            }) as lol_html::EndHandler<'static>
        }),
    }
}

fn comment_handler(id: u32, place: u32) -> lol_html::CommentHandler<'static> {
    Box::new(move |comment| host::call(id, place, &mut Token::Comment(comment)))
}

fn text_handler(id: u32, place: u32) -> lol_html::TextHandler<'static> {
    Box::new(move |chunk| host::call(id, place, &mut Token::Text(chunk)))
}

fn encoding_of(content_type: &str) -> Result<AsciiCompatibleEncoding, String> {
    let Some(label) = charset_of(content_type) else { return Ok(AsciiCompatibleEncoding::utf_8()) };
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())
        .ok_or("Unknown character encoding has been provided.")?;
    Ok(AsciiCompatibleEncoding::new(encoding).ok_or("Expected ASCII-compatible encoding.")?)
}

/// The parameter `charset` of a content type.
fn charset_of(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        (name.trim().eq_ignore_ascii_case("charset") && !bare.is_empty()).then_some(bare)
    })
}
