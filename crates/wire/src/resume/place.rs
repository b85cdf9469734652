//! Where a stream stands that was passed on as it came, as far as its writer must know to go on in the
//! same dialect: what a dialect numbers and names, and what is open.

/// The place that a decoder has reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// Records so far, in a dialect that numbers them.
    pub(crate) position: u64,
    /// When the provider says that its answer began.
    pub(crate) created_unix_s: Option<i64>,
    /// Blocks that were begun, in a dialect that numbers them.
    pub(crate) blocks: u64,
    /// The block that is open, in a dialect whose blocks begin and end.
    pub(crate) open: Option<OpenBlock>,
    /// Output items, in a dialect that names them.
    pub(crate) items: Vec<PlacedItem>,
}

/// The block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OpenBlock {
    #[default]
    Nothing,
    /// Text or the arguments of a call.
    Said,
    /// A thought whose signature has not come.
    Thought,
    /// A thought that has its signature.
    Signed,
    /// What only its own dialect has.
    Unlike,
}

/// An output item with the name that its provider gave it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PlacedItem {
    pub(crate) id: String,
    /// The dialect's word for what it is.
    pub(crate) kind: String,
    /// The whole item as it was written, once it is done and where nobody else can write it.
    pub(crate) whole: Option<String>,
    pub(crate) done: bool,
    /// Bytes of text that it has said.
    pub(crate) said: usize,
    /// Whether the part that it said last has ended, or none began.
    pub(crate) between_parts: bool,
}
