//! Tokens of a document while a handler has them, and what can be done with each.
//!
//! Every operation takes numbers of [`crate::codes`]; one that a token does not have is refused.

use crate::codes::{attribute, flag, kind, place, property};
use crate::host;
use lol_html::html_content::{
    Comment, ContentType, Doctype, DocumentEnd, Element, EndTag, StreamingHandler, StreamingHandlerSink,
    TextChunk,
};

/// What a handler was called for.
pub enum Token<'a, 'r, 'i> {
    /// See [`kind::ELEMENT`].
    Element(&'a mut Element<'r, 'i>),
    /// See [`kind::END_TAG`].
    EndTag(&'a mut EndTag<'i>),
    /// See [`kind::COMMENT`].
    Comment(&'a mut Comment<'i>),
    /// See [`kind::TEXT`].
    Text(&'a mut TextChunk<'i>),
    /// See [`kind::DOCTYPE`].
    Doctype(&'a mut Doctype<'i>),
    /// See [`kind::DOCUMENT_END`].
    DocumentEnd(&'a mut DocumentEnd<'i>),
}

/// An operation's result; the error is what the handler gets to read.
pub type Outcome<T> = Result<T, String>;

fn refused<T>() -> Outcome<T> {
    Err("this token has no such operation".to_owned())
}

/// Content that JavaScript writes when its place in the output has come.
struct Streamed {
    rewriter: u32,
    content: u32,
}

impl StreamingHandler for Streamed {
    fn write_all(self: Box<Self>, sink: &mut StreamingHandlerSink<'_>) -> lol_html::HandlerResult {
        host::content(self.rewriter, self.content, sink)
    }
}

/// Calls a method of whichever of these tokens it is.
macro_rules! on_token {
    ($token:expr, [$($kind:ident),*], $it:ident => $call:expr) => {
        match $token {
            $(Token::$kind($it) => $call,)*
            #[allow(unreachable_patterns)]
            _ => return refused(),
        }
    };
}

impl Token<'_, '_, '_> {
    /// One of [`kind`].
    #[must_use]
    pub fn kind(&self) -> u32 {
        match self {
            Self::Element(_) => kind::ELEMENT,
            Self::EndTag(_) => kind::END_TAG,
            Self::Comment(_) => kind::COMMENT,
            Self::Text(_) => kind::TEXT,
            Self::Doctype(_) => kind::DOCTYPE,
            Self::DocumentEnd(_) => kind::DOCUMENT_END,
        }
    }

    /// One of its texts ([`property`]).
    ///
    /// # Errors
    /// When it has none of that kind.
    pub fn text(&self, what: u32) -> Outcome<Option<String>> {
        Ok(match (self, what) {
            (Self::Element(element), property::NAME) => Some(element.tag_name()),
            (Self::Element(element), property::NAMESPACE) => Some(element.namespace_uri().to_owned()),
            (Self::EndTag(tag), property::NAME) => Some(tag.name()),
            (Self::Comment(comment), property::TEXT) => Some(comment.text()),
            (Self::Text(chunk), property::TEXT) => Some(chunk.as_str().to_owned()),
            (Self::Doctype(doctype), property::NAME) => doctype.name(),
            (Self::Doctype(doctype), property::PUBLIC_ID) => doctype.public_id(),
            (Self::Doctype(doctype), property::SYSTEM_ID) => doctype.system_id(),
            _ => return refused(),
        })
    }

    /// Changes one of its texts.
    ///
    /// # Errors
    /// When the text cannot stand there, or cannot be changed.
    pub fn set_text(&mut self, what: u32, text: &str) -> Outcome<()> {
        match (self, what) {
            (Self::Element(element), property::NAME) => {
                element.set_tag_name(text).map_err(|error| error.to_string())
            }
            (Self::EndTag(tag), property::NAME) => {
                tag.set_name(text);
                Ok(())
            }
            (Self::Comment(comment), property::TEXT) => {
                comment.set_text(text).map_err(|error| error.to_string())
            }
            _ => refused(),
        }
    }

    /// One of [`flag`].
    ///
    /// # Errors
    /// When it has none of that kind.
    pub fn flag(&self, what: u32) -> Outcome<bool> {
        Ok(match (self, what) {
            (Self::Element(element), flag::REMOVED) => element.removed(),
            (Self::Comment(comment), flag::REMOVED) => comment.removed(),
            (Self::Text(chunk), flag::REMOVED) => chunk.removed(),
            (Self::Text(chunk), flag::LAST) => chunk.last_in_text_node(),
            _ => return refused(),
        })
    }

    /// Puts content in its [`place`].
    ///
    /// # Errors
    /// When the token has no such place.
    pub fn insert(&mut self, at: u32, content: &str, html: bool) -> Outcome<()> {
        let how = content_type(html);
        match at {
            place::BEFORE => {
                on_token!(self, [Element, EndTag, Comment, Text], it => it.before(content, how));
            }
            place::AFTER => {
                on_token!(self, [Element, EndTag, Comment, Text], it => it.after(content, how));
            }
            place::PREPEND => on_token!(self, [Element], it => it.prepend(content, how)),
            place::APPEND => on_token!(self, [Element, DocumentEnd], it => it.append(content, how)),
            place::REPLACE => on_token!(self, [Element, Comment, Text], it => it.replace(content, how)),
            place::INNER => on_token!(self, [Element], it => it.set_inner_content(content, how)),
            _ => return refused(),
        }
        Ok(())
    }

    /// Puts content in its [`place`] that JavaScript writes when the output is there: number `content` of `rewriter`.
    ///
    /// # Errors
    /// When the token has no such place.
    pub fn insert_later(&mut self, at: u32, rewriter: u32, content: u32) -> Outcome<()> {
        let later = Box::new(Streamed { rewriter, content });
        match at {
            place::BEFORE => {
                on_token!(self, [Element, EndTag, Comment, Text], it => it.streaming_before(later));
            }
            place::AFTER => {
                on_token!(self, [Element, EndTag, Comment, Text], it => it.streaming_after(later));
            }
            place::PREPEND => on_token!(self, [Element], it => it.streaming_prepend(later)),
            place::APPEND => on_token!(self, [Element], it => it.streaming_append(later)),
            place::REPLACE => on_token!(self, [Element, Comment, Text], it => it.streaming_replace(later)),
            place::INNER => on_token!(self, [Element], it => it.streaming_set_inner_content(later)),
            _ => return refused(),
        }
        Ok(())
    }

    /// Takes it out of the document; of an element all that is in it, too, unless that is to be kept.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&mut self, keep_content: bool) -> Outcome<()> {
        match self {
            Self::Element(element) if keep_content => element.remove_and_keep_content(),
            _ => on_token!(self, [Element, EndTag, Comment, Text], it => it.remove()),
        }
        Ok(())
    }

    /// An operation of [`attribute`]; gives the value, or something if there is such an attribute.
    ///
    /// # Errors
    /// When it is no element or the name cannot be an attribute's.
    pub fn attribute(&mut self, what: u32, name: &str, value: &str) -> Outcome<Option<String>> {
        let Self::Element(element) = self else { return refused() };
        match what {
            attribute::GET => return Ok(element.get_attribute(name)),
            attribute::HAS => return Ok(element.has_attribute(name).then(String::new)),
            attribute::SET => element.set_attribute(name, value).map_err(|error| error.to_string())?,
            attribute::REMOVE => element.remove_attribute(name),
            _ => return refused(),
        }
        Ok(Some(String::new()))
    }

    /// Name and value of an element's attribute by its place; `None` behind the last.
    ///
    /// # Errors
    /// When it is no element.
    pub fn attribute_at(&self, index: usize) -> Outcome<Option<(String, String)>> {
        let Self::Element(element) = self else { return refused() };
        let attribute = element.attributes().get(index);
        Ok(attribute.map(|attribute| (attribute.name(), attribute.value())))
    }

    /// Calls a handler when an element's end tag comes, in the place of one that was to be called.
    ///
    /// # Errors
    /// When it is no element or one without an end tag.
    pub fn on_end_tag(&mut self, rewriter: u32, handler: u32) -> Outcome<()> {
        let Self::Element(element) = self else { return refused() };
        let handlers = element.end_tag_handlers().ok_or("No end tag.")?;
        handlers.clear();
        handlers.push(Box::new(move |tag: &mut EndTag<'_>| {
            host::call(rewriter, handler, &mut Token::EndTag(tag))
        }));
        Ok(())
    }
}

/// How content is taken: as markup, or as text that is escaped.
pub(crate) fn content_type(html: bool) -> ContentType {
    if html { ContentType::Html } else { ContentType::Text }
}
