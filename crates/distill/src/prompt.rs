//! What a teacher is asked and how its answer is read as a label. The same words are used when labels are
//! bought and when a deployed student hands a request to its teacher.

/// The system message: the task's instruction and the labels. The user message is the input alone.
pub fn system_prompt(instruction: &str, labels: &[String]) -> String {
    let mut prompt = instruction.trim().to_owned();
    prompt.push_str("\n\nAnswer with exactly one of these labels and nothing else:\n");
    for label in labels {
        prompt.push_str("- ");
        prompt.push_str(label);
        prompt.push('\n');
    }
    prompt
}

/// The label that an answer means: exactly, or but for case, spacing and what stands around it; `None`
/// when it means none of them.
pub fn match_label<'a>(answer: &str, labels: &'a [String]) -> Option<&'a str> {
    let answer = answer.trim();
    let exact = labels.iter().find(|label| *label == answer);
    let alike = || {
        let plain = plain(answer);
        let mut found =
            labels.iter().filter(|label| !plain.is_empty() && self::plain(label) == plain);
        found.next().filter(|_| found.next().is_none())
    };
    exact.or_else(alike).map(String::as_str)
}

/// Lower case, each run of other characters one space.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{match_label, system_prompt};

    fn check(answer: &str, expect: Option<&str>) {
        let labels = ["card_arrival", "card_linking", "Refund", "refund?"].map(str::to_owned);
        assert_eq!(match_label(answer, &labels), expect, "{answer:?}");
    }

    #[test]
    fn an_answer_is_a_label_or_nothing() {
        check("card_arrival", Some("card_arrival"));
        check(" `Card arrival`.\n", Some("card_arrival"));
        check("Refund", Some("Refund"));
        check("card", None);
        check("It is card_arrival, I think", None);
        check("", None);
        check("?", None);
        // Two labels that differ only in what is evened out.
        check("REFUND", None);
    }

    #[test]
    fn the_prompt_names_every_label() {
        let prompt = system_prompt(" Classify. ", &["a".to_owned(), "b".to_owned()]);
        let expect =
            "Classify.\n\nAnswer with exactly one of these labels and nothing else:\n- a\n- b\n";
        assert_eq!(prompt, expect);
    }
}
