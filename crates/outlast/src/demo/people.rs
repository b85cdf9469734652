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
    pub(crate) asks: Asks,
}

/// What someone asks, in turn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asks {
    Questions(&'static [&'static str]),
    /// The topics of the messages to the shop.
    Tickets,
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
        asks: Asks::Questions(&[
            "Why does this lock deadlock when the second worker starts?",
            "Rewrite the retry loop so that it has one deadline.",
            "Explain what changed between these two query plans.",
        ]),
    },
    Person {
        principal: "support-bot",
        team: "support",
        dialect: Dialect::OpenaiChat,
        model: "claude-sonnet-5",
        stream: false,
        pause_ms: 500,
        asks: Asks::Questions(&[
            "A customer asks where parcel 4471 is. Answer kindly in two sentences.",
            "Sort this message into billing, delivery or returns: my refund is late.",
        ]),
    },
    Person {
        principal: "grace",
        team: "research",
        dialect: Dialect::OpenaiChat,
        model: "gpt-5.5",
        stream: true,
        pause_ms: 1200,
        asks: Asks::Questions(&[
            "Summarise the three strongest objections to this paper.",
            "Which of these five experiments would change your mind most?",
        ]),
    },
    Person {
        principal: "search-ranker",
        team: "search",
        dialect: Dialect::OpenaiChat,
        model: "gemini-3.8-flash",
        stream: false,
        pause_ms: 350,
        asks: Asks::Questions(&[
            "Which of these ten titles fits the query `warm waterproof boots`?",
        ]),
    },
    Person {
        principal: "code-review",
        team: "platform",
        dialect: Dialect::AnthropicMessages,
        model: "claude-opus-4-8",
        stream: true,
        pause_ms: 700,
        asks: Asks::Questions(&[
            "Review this diff for races; be brief.",
            "Is this migration safe to run while writers are active?",
        ]),
    },
    Person {
        principal: "mail-drafts",
        team: "sales",
        dialect: Dialect::AnthropicMessages,
        model: "claude-haiku-4-5",
        stream: false,
        pause_ms: 450,
        asks: Asks::Questions(&["Draft a friendly reminder about the invoice of last month."]),
    },
    Person {
        principal: "ticket-sorter",
        team: "support",
        dialect: Dialect::OpenaiChat,
        model: "task:ticket-topic",
        stream: false,
        pause_ms: 120,
        asks: Asks::Tickets,
    },
];
