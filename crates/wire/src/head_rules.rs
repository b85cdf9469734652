//! How each dialect names what the first look at a request is after. Data; the look itself is `head`.

/// How a dialect names what the first look is after.
#[derive(Debug)]
pub(crate) struct HeadRules {
    /// Fields that limit output tokens.
    pub(crate) max_tokens: &'static [&'static str],
    /// The one of them that must be there and positive.
    pub(crate) required: Option<&'static str>,
    /// Fields whose texts become tokens.
    pub(crate) texts: &'static [&'static str],
    /// Fields that become tokens whole.
    pub(crate) wholes: &'static [&'static str],
    /// Fields that may ask for JSON.
    pub(crate) formats: &'static [&'static str],
    /// Whether `stream_options` means something.
    pub(crate) stream_options: bool,
    /// Where the turns stand.
    pub(crate) turns: Turns,
    /// Fields that nobody behind a gateway can honour: absent, null or false, or the request is refused.
    pub(crate) refused: &'static [&'static str],
}

/// How a dialect holds its turns.
#[derive(Debug)]
pub(crate) struct Turns {
    /// The field.
    pub(crate) field: &'static str,
    /// Whether a lone text may stand for one user turn.
    pub(crate) may_be_text: bool,
    /// Whether each turn must say who speaks.
    pub(crate) roles: bool,
    /// Whether answers are kept unless the caller says otherwise, and may be followed.
    pub(crate) kept: bool,
}
