//! The Markdown that our own reports are written in, as HTML: headings, paragraphs, lists, tables, bold
//! words and code. Everything is escaped; links, pictures and HTML stay the text that they are.

/// The text as HTML. Headings are one level lower than written: the page has its own first heading.
pub(crate) fn html(text: &str) -> String {
    let mut page = Page::default();
    for line in text.lines() {
        page.line(line.trim_end());
    }
    page.close();
    page.html
}

/// What the lines before belong to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    Paragraph,
    List,
    TableHead,
    TableBody,
}

#[derive(Default)]
struct Page {
    html: String,
    open: Open,
}

impl Page {
    fn line(&mut self, line: &str) {
        if line.is_empty() {
            self.close();
        } else if let Some(heading) = heading(line) {
            self.close();
            let (level, text) = heading;
            self.html.push_str(&format!("<h{level}>{}</h{level}>\n", inline(text)));
        } else if let Some(item) = line.strip_prefix("- ") {
            self.begin(Open::List, "<ul>\n");
            self.html.push_str(&format!("<li>{}</li>\n", inline(item)));
        } else if let Some(row) = line.strip_prefix('|') {
            self.row(row);
        } else if self.open == Open::Paragraph {
            self.html.push(' ');
            self.html.push_str(&inline(line));
        } else {
            self.begin(Open::Paragraph, "<p>");
            self.html.push_str(&inline(line));
        }
    }

    fn row(&mut self, row: &str) {
        let row = row.strip_suffix('|').unwrap_or(row);
        if !row.is_empty() && row.chars().all(|c| "-:| ".contains(c)) {
            if self.open == Open::TableHead {
                self.html.push_str("</thead>\n<tbody>\n");
                self.open = Open::TableBody;
            }
            return;
        }
        let (before, cell) = match self.open {
            Open::TableBody => ("", "td"),
            _ => {
                self.close();
                self.open = Open::TableHead;
                ("<div class=\"wide\"><table>\n<thead>\n", "th")
            }
        };
        self.html.push_str(before);
        let cells = row.split('|').map(|text| format!("<{cell}>{}</{cell}>", inline(text.trim())));
        self.html.push_str(&format!("<tr>{}</tr>\n", cells.collect::<String>()));
    }

    fn begin(&mut self, wanted: Open, tag: &str) {
        if self.open != wanted {
            self.close();
            self.html.push_str(tag);
            self.open = wanted;
        }
    }

    fn close(&mut self) {
        self.html.push_str(match self.open {
            Open::Nothing => "",
            Open::Paragraph => "</p>\n",
            Open::List => "</ul>\n",
            Open::TableHead => "</thead></table></div>\n",
            Open::TableBody => "</tbody></table></div>\n",
        });
        self.open = Open::Nothing;
    }
}

/// The level in the page and the text of a heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let marks = line.bytes().take_while(|byte| *byte == b'#').count();
    let text = line[marks..].strip_prefix(' ')?;
    (1..=3).contains(&marks).then_some((marks + 1, text))
}

/// Escaped text with its bold words and code. A mark without its partner stays a mark.
fn inline(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*']) {
        let (before, after) = rest.split_at(at);
        html.push_str(&escaped(before));
        let (mark, tag) = if after.starts_with('`') { ("`", "code") } else { ("**", "b") };
        let inside = after.strip_prefix(mark).and_then(|inside| inside.split_once(mark));
        match inside {
            Some((inside, after)) if !inside.is_empty() => {
                let inside = if tag == "b" { inline(inside) } else { escaped(inside) };
                html.push_str(&format!("<{tag}>{inside}</{tag}>"));
                rest = after;
            }
            _ => {
                html.push_str(&after[..1]);
                rest = &after[1..];
            }
        }
    }
    html.push_str(&escaped(rest));
    html
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(character),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::html;

    fn check(text: &str, expect: &str) {
        assert_eq!(html(text), expect, "{text}");
    }

    #[test]
    fn reports_become_pages() {
        check(
            "# Of `x`\n\n**Verdict: Deploy.**\n",
            "<h2>Of <code>x</code></h2>\n<p><b>Verdict: Deploy.</b></p>\n",
        );
        check("- a\n- b\n\nc\nd", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<p>c d</p>\n");
        check(
            "| who | p |\n|---|---|\n| me | 1 |\n",
            "<div class=\"wide\"><table>\n<thead>\n<tr><th>who</th><th>p</th></tr>\n</thead>\n<tbody>\n<tr><td>me</td><td>1</td></tr>\n</tbody></table></div>\n",
        );
    }

    #[test]
    fn whatever_a_task_says_is_text() {
        check(
            "- <img src=x onerror=y> \"&'\n## [a](javascript:b)",
            "<ul>\n<li>&lt;img src=x onerror=y&gt; &quot;&amp;&#39;</li>\n</ul>\n<h3>[a](javascript:b)</h3>\n",
        );
        check(
            "`<b>` **`<i>`** * ** `",
            "<p><code>&lt;b&gt;</code> <b><code>&lt;i&gt;</code></b> * ** `</p>\n",
        );
        check(
            "||\n|",
            "<div class=\"wide\"><table>\n<thead>\n<tr><th></th></tr>\n</thead></table></div>\n<div class=\"wide\"><table>\n<thead>\n<tr><th></th></tr>\n</thead></table></div>\n",
        );
        check("####### x\n#y", "<p>####### x #y</p>\n");
    }
}
