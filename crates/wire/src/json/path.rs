//! Where in a body something stands, in the words of whoever wrote it: `messages[0].content`. For
//! complaints, so it is only as fast as it must be.

use super::scan::{Kind, Scanner};

/// Characters of a path at most: keys are the caller's own.
const CHARACTERS: usize = 100;

/// A container that is open, and where within it we are.
enum Within {
    Object(String),
    Array(usize),
}

/// The path of the innermost value that holds this byte; empty for the outermost one.
pub(crate) fn path_at(text: &str, at: usize) -> String {
    let mut scanner = Scanner::new(text);
    let mut open: Vec<Within> = Vec::new();
    let mut path = String::new();
    while let Ok(Some(token)) = scanner.next() {
        // The span of a text leaves out its quotes.
        let quoted = matches!(token.kind, Kind::Key | Kind::Text);
        if token.span.start - usize::from(quoted) > at {
            break;
        }
        if token.kind == Kind::Key {
            if let Some(Within::Object(key)) = open.last_mut() {
                *key = text[token.span].to_owned();
            }
            continue;
        }
        if token.kind == Kind::End {
            open.pop();
            path = written(&open);
            continue;
        }
        if let Some(Within::Array(index)) = open.last_mut() {
            *index += 1;
        }
        path = written(&open);
        match token.kind {
            Kind::ObjectStart => open.push(Within::Object(String::new())),
            Kind::ArrayStart => open.push(Within::Array(0)),
            _ => {}
        }
    }
    path
}

fn written(open: &[Within]) -> String {
    let mut path = String::new();
    for within in open {
        match within {
            Within::Object(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            // The first element makes the count one.
            Within::Array(count) => path.push_str(&format!("[{}]", count.saturating_sub(1))),
        }
    }
    let visible = path.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' });
    visible.take(CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::path_at;

    #[test]
    fn a_place_has_the_path_of_its_value() {
        let text = r#"{"a": 1, "b": [ "x", {"c": [[2]], "d" : "y"}, true ] , "e":{}}"#;
        let check = |what: &str, expect: &str| {
            assert_eq!(path_at(text, text.find(what).unwrap()), expect, "{what}");
        };
        check("{\"a\"", "");
        check("1", "a");
        check("[ \"x\"", "b");
        check("x", "b[0]");
        check("{\"c\"", "b[1]");
        check("2", "b[1].c[0][0]");
        check("y\"", "b[1].d");
        check("true", "b[2]");
        check("{}}", "e");
    }

    #[test]
    fn no_text_makes_it_panic() {
        for text in ["", "{", "[1,", "{\"\\n\":[\"", "[[[[", "nul"] {
            for at in 0..=text.len() {
                path_at(text, at);
            }
        }
        assert_eq!(path_at("{\"k\u{e9} \":1}", 8), "k??");
    }
}
