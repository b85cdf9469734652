//! Who asks in the demo: people and services with their own models, dialects and habits.

use terms::dialect::Dialect;

/// Someone who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) principal: &'static str,
    pub(crate) team: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) model: &'static str,
    /// Whether it reads the answer as it comes.
    pub(crate) stream: bool,
    /// Milliseconds between an answer and the next question, at least; half as much again at most.
    pub(crate) pause_ms: u64,
    /// Questions in turn.
    pub(crate) questions: &'static [&'static str],
}

/// Everyone. Most ask the first vendor, because it is the one that dies.
pub(crate) const PEOPLE: &[Person] = &[
    Person {
        principal: "ada",
        team: "platform",
        dialect: Dialect::AnthropicMessages,
        model: "claude-fable-5",
        stream: true,
        pause_ms: 900,
        questions: &[
            "Why does this lock deadlock when the second worker starts?",
            "Rewrite the retry loop so that it has one deadline.",
            "Explain what changed between these two query plans.",
        ],
    },
    Person {
        principal: "support-bot",
        team: "support",
        dialect: Dialect::OpenaiChat,
        model: "claude-sonnet-5",
        stream: false,
        pause_ms: 500,
        questions: &[
            "A customer asks where parcel 4471 is. Answer kindly in two sentences.",
            "Sort this message into billing, delivery or returns: my refund is late.",
        ],
    },
    Person {
        principal: "grace",
        team: "research",
        dialect: Dialect::OpenaiChat,
        model: "gpt-5.5",
        stream: true,
        pause_ms: 1200,
        questions: &[
            "Summarise the three strongest objections to this paper.",
            "Which of these five experiments would change your mind most?",
        ],
    },
    Person {
        principal: "search-ranker",
        team: "search",
        dialect: Dialect::OpenaiChat,
        model: "gemini-3.8-flash",
        stream: false,
        pause_ms: 350,
        questions: &["Which of these ten titles fits the query `warm waterproof boots`?"],
    },
    Person {
        principal: "code-review",
        team: "platform",
        dialect: Dialect::AnthropicMessages,
        model: "claude-opus-4-8",
        stream: true,
        pause_ms: 700,
        questions: &[
            "Review this diff for races; be brief.",
            "Is this migration safe to run while writers are active?",
        ],
    },
    Person {
        principal: "mail-drafts",
        team: "sales",
        dialect: Dialect::AnthropicMessages,
        model: "claude-haiku-4-5",
        stream: false,
        pause_ms: 450,
        questions: &["Draft a friendly reminder about the invoice of last month."],
    },
];
