//! The demo's small task: messages to a shop, sorted by topic. Every sentence was written for this
//! project; a message is an opening, a matter and an ending in a repeatable order.

/// A topic, and what people write about it.
struct Topic {
    label: &'static str,
    matters: &'static [&'static str],
}

/// How many messages each matter is told in.
const TELLINGS: usize = 14;

const OPENINGS: &[&str] = &[
    "Hello,",
    "Hi there!",
    "Good morning,",
    "Dear team,",
    "Hey,",
    "To whom it may concern,",
    "I hope you can help.",
    "Quick question:",
    "Sorry to bother you again.",
    "I am writing from Lyon.",
    "This is my second message.",
    "Not sure whether this is the right place, but",
];

const ENDINGS: &[&str] = &[
    "Thanks!",
    "Please get back to me today.",
    "What can I do?",
    "I would be glad of a short answer.",
    "Kind regards, Noor",
    "Can somebody look into it?",
    "I have been a customer for six years.",
    "I can send a photo if that helps.",
    "My phone number has not changed.",
    "Cheers, Tomas",
    "I will be away from Friday.",
];

/// What leads over to something else.
const ASIDES: &[&str] =
    &["That is all for now; last time", "Unlike in May, when", "It is not as bad as when"];

const TOPICS: &[Topic] = &[
    Topic {
        label: "delivery",
        matters: &[
            "my parcel should have come on Tuesday and nobody has seen it.",
            "the tracking page has said `in transit` for nine days.",
            "the courier left a note but the depot knows nothing of it.",
            "can you send it to my office instead of my home?",
            "the driver marked it as handed over and I was at home all day.",
            "when will the boots that I ordered last week be shipped?",
            "do you ship to Iceland, and how long does it take?",
            "half of the order came, the other box is nowhere.",
            "the parcel went to my old street.",
            "is there a way to pick the order up at the shop?",
        ],
    },
    Topic {
        label: "refund",
        matters: &[
            "I sent the jacket back three weeks ago and the money has not arrived.",
            "you refunded the shirt but not the postage.",
            "please put the money back on my card rather than on a voucher.",
            "how long does it take until a refund shows on my account?",
            "the refund is four euros short.",
            "I returned two lamps and was paid back for one.",
            "your shop said the money was sent, my bank has not seen it.",
            "I want my money back for the concert that was called off.",
            "can the refund go to another card, the old one was closed?",
            "where do I see whether my return was accepted and paid back?",
        ],
    },
    Topic {
        label: "payment",
        matters: &[
            "my card was charged twice for one order.",
            "the checkout refuses my card although the bank says it is fine.",
            "can I pay by bank transfer instead?",
            "there is a charge of 39.90 that I do not recognise.",
            "the discount code was taken but the total did not change.",
            "I was billed in dollars and not in euros.",
            "is it possible to pay in three parts?",
            "the payment page turns forever after I press the button.",
            "why does the sum on my statement differ from the order?",
            "you took the money and then said that the order failed.",
        ],
    },
    Topic {
        label: "account",
        matters: &[
            "I cannot log in since I changed my phone.",
            "the link to reset my password never arrives.",
            "somebody seems to have signed in as me from another country.",
            "how do I change the e-mail address of my profile?",
            "please delete my account and everything you know of me.",
            "I have two profiles by mistake and want to merge them.",
            "the code for signing in is always refused.",
            "my profile shows the orders of another person.",
            "I am locked out after three wrong passwords.",
            "how do I turn on signing in with a second factor?",
        ],
    },
    Topic {
        label: "damage",
        matters: &[
            "the vase arrived in pieces.",
            "the zip of the new tent broke on the first evening.",
            "the screen has a line across it, straight from the box.",
            "one leg of the table is shorter than the others.",
            "the kettle leaks at the handle.",
            "the book came with its last pages torn out.",
            "the speaker crackles since the second day.",
            "there is a dent in the side of the pan.",
            "the glass of the frame was cracked when I unwrapped it.",
            "the charger gets so hot that it smells.",
        ],
    },
    Topic {
        label: "exchange",
        matters: &[
            "the shoes are a size too small, can I swap them?",
            "I would rather have the blue one than the green one.",
            "you sent the left-handed scissors, I need the other kind.",
            "can I change the coat for one size larger?",
            "I ordered the wrong voltage and would like to trade it in.",
            "the gift is lovely but she has it already; may I pick something else?",
            "please swap the medium for a small before it is sent.",
            "how do I get a different colour for the sofa cover?",
            "the trousers fit, only the length is wrong; do you take them in trade?",
            "I got the old model and want the new one in its place.",
        ],
    },
    Topic {
        label: "invoice",
        matters: &[
            "I need a bill with my company's tax number on it.",
            "the invoice has the wrong address in its head.",
            "where can I download the invoices of last year?",
            "our bookkeeping needs one document per order.",
            "please send the receipt as a PDF.",
            "the bill does not show the sales tax on its own line.",
            "the name on the invoice is misspelled.",
            "can you write the order number of our side onto the bill?",
            "I deleted the mail with the receipt, may I have it again?",
            "the accountant asks for a corrected invoice for March.",
        ],
    },
    Topic {
        label: "praise",
        matters: &[
            "I only wanted to say that your people in the shop were wonderful.",
            "the repair was done in a day, I am impressed.",
            "the packing without any plastic is a joy.",
            "this is the best pillow that I have ever had.",
            "your colleague Mina solved it in two minutes, please tell her.",
            "the handwritten card in the box made my week.",
            "ten years and the backpack is as good as new, well done.",
            "I have told all my friends about you.",
            "the new site is so much quicker, lovely work.",
            "my daughter will not take the sweater off any more.",
        ],
    },
];

/// A message, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) text: String,
    pub(crate) topic: &'static str,
}

/// The topics.
pub(crate) fn topics() -> Vec<&'static str> {
    TOPICS.iter().map(|topic| topic.label).collect()
}

/// Every message, all different; the same ones at every call.
pub(crate) fn tickets() -> Vec<Ticket> {
    let mut tickets = Vec::new();
    for (place, topic) in TOPICS.iter().enumerate() {
        for matter in topic.matters {
            for _ in 0..TELLINGS {
                let text = told(matter, place, tickets.len());
                tickets.push(Ticket { text, topic: topic.label });
            }
        }
    }
    tickets
}

/// A matter as a message. Every fourth one brings up something else, too, as people do: the first matter
/// is what it is about.
fn told(matter: &str, place: usize, turn: usize) -> String {
    // Counted up together, an opening and an ending meet again after 132 messages only.
    let (opening, ending) = (OPENINGS[turn % OPENINGS.len()], ENDINGS[turn % ENDINGS.len()]);
    if !turn.is_multiple_of(4) {
        return format!("{opening} {matter} {ending}");
    }
    let other = TOPICS[(place + 1 + turn % (TOPICS.len() - 1)) % TOPICS.len()].matters;
    let aside = ASIDES[turn % ASIDES.len()];
    format!("{opening} {matter} {aside} {} {ending}", other[turn % other.len()])
}

/// What the simulated teacher says of a message: the topic but for one message in twenty, where it
/// takes the topic for the next one in the list.
pub(crate) fn taught(number: usize, ticket: &Ticket) -> &'static str {
    let slips = number.wrapping_mul(0x9E37_79B9) >> 7 & 31 < 2;
    let place = TOPICS.iter().position(|topic| topic.label == ticket.topic).unwrap_or(0);
    TOPICS[(place + usize::from(slips)) % TOPICS.len()].label
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{taught, tickets};

    #[test]
    fn the_messages_are_all_different_and_the_teacher_errs_a_little() {
        let tickets = tickets();
        let texts: HashSet<_> = tickets.iter().map(|ticket| &ticket.text).collect();
        assert_eq!((tickets.len(), texts.len()), (1_120, 1_120));
        let slips = tickets
            .iter()
            .enumerate()
            .filter(|(number, ticket)| taught(*number, ticket) != ticket.topic);
        let slips = slips.count();
        assert!((40..=90).contains(&slips), "{slips}");
    }
}
