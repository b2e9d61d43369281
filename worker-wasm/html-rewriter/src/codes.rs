//! Numbers that `web/isolate/rewriter-engine.js` and `rewriter-tokens.js` know, too.

/// The result of a call that has no text to give.
pub const DONE: i32 = 0;
/// The text that was asked for does not exist (`null`).
pub const NONE: i32 = -1;
/// The call failed; the text that is ready to be read says why.
pub const FAILED: i32 = -2;

/// How a handler ended.
pub mod outcome {
    /// It returned.
    pub const DONE: u32 = 0;
    /// It threw, or the stream was cancelled: the rewriter must end.
    pub const STOP: u32 = 1;
    /// It returned a promise.
    pub const PENDING: u32 = 2;
}

/// What a token is.
pub mod kind {
    /// An element's start tag.
    pub const ELEMENT: u32 = 0;
    /// An element's end tag.
    pub const END_TAG: u32 = 1;
    /// A comment.
    pub const COMMENT: u32 = 2;
    /// A piece of text.
    pub const TEXT: u32 = 3;
    /// The document type.
    pub const DOCTYPE: u32 = 4;
    /// The end of the document.
    pub const DOCUMENT_END: u32 = 5;
}

/// Texts that tokens have.
pub mod property {
    /// Of elements, end tags and document types.
    pub const NAME: u32 = 0;
    /// Of comments and pieces of text.
    pub const TEXT: u32 = 1;
    /// Of elements.
    pub const NAMESPACE: u32 = 2;
    /// Of document types.
    pub const PUBLIC_ID: u32 = 3;
    /// Of document types.
    pub const SYSTEM_ID: u32 = 4;
}

/// What can be asked of a token.
pub mod flag {
    /// Whether it was removed.
    pub const REMOVED: u32 = 0;
    /// Whether it is the last piece of its text.
    pub const LAST: u32 = 1;
}

/// Where content goes.
pub mod place {
    /// In front of the token.
    pub const BEFORE: u32 = 0;
    /// Behind it; for elements behind their end tag.
    pub const AFTER: u32 = 1;
    /// Behind an element's start tag.
    pub const PREPEND: u32 = 2;
    /// In front of its end tag, or at the end of the document.
    pub const APPEND: u32 = 3;
    /// In its place.
    pub const REPLACE: u32 = 4;
    /// In the place of what an element contains.
    pub const INNER: u32 = 5;
}

/// What can be done with an attribute.
pub mod attribute {
    /// Its value.
    pub const GET: u32 = 0;
    /// Whether it is there.
    pub const HAS: u32 = 1;
    /// Gives it a value.
    pub const SET: u32 = 2;
    /// Takes it away.
    pub const REMOVE: u32 = 3;
}
