//! `GET /v1/responses/{id}/input_items`: what a kept reply answered, with everything that it followed, in
//! pages. Which page is asked for is in the query; the items are for the reply's owner alone.

use std::{collections::BTreeSet, ops::RangeInclusive, sync::Arc};

use bytes::Bytes;
use terms::ids::PrincipalName;
use wire::{ErrorKind, ErrorReply, ListedItem, listed_items, said_items};

use crate::{errors, gateway::Gateway, history::shelf_down, kept::KeptReply};

/// Items of one page, where the caller names no number.
const PAGE: usize = 20;

/// Items of one page, by the vendor's reference.
const PAGES: RangeInclusive<usize> = 1..=100;

/// Which items are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    limit: usize,
    is_ascending: bool,
    after: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: PAGE, is_ascending: false, after: None }
    }
}

impl Page {
    fn read(query: Option<&str>) -> Result<Self, ErrorReply> {
        let mut page = Self::default();
        for (name, value) in query.unwrap_or_default().split('&').filter_map(|q| q.split_once('='))
        {
            match (name, value) {
                ("limit", number) => {
                    let number = number.parse().ok().filter(|number| PAGES.contains(number));
                    page.limit = number.ok_or_else(|| refuse("limit", "must be 1 to 100"))?;
                }
                ("order", "asc") => page.is_ascending = true,
                ("order", "desc") => page.is_ascending = false,
                ("order", _) => return Err(refuse("order", "must be `asc` or `desc`")),
                ("after", id) => page.after = Some(id.to_owned()),
                _ => {}
            }
        }
        Ok(page)
    }

    /// The list object with this page of the items, which come in the order in which they were said.
    fn of(&self, mut items: Vec<ListedItem>) -> Result<Bytes, ErrorReply> {
        if !self.is_ascending {
            items.reverse();
        }
        let first = match &self.after {
            None => 0,
            Some(after) => {
                let at = items.iter().position(|item| item.id == *after);
                1 + at.ok_or_else(|| refuse("after", "names no item of this response"))?
            }
        };
        let rest = &items[first..];
        let shown = &rest[..rest.len().min(self.limit)];
        let data: Vec<&str> = shown.iter().map(|item| item.json.as_str()).collect();
        let id = |item: Option<&ListedItem>| {
            serde_json::to_string(&item.map(|item| &item.id)).expect("a text is JSON")
        };
        let list = format!(
            r#"{{"object":"list","data":[{}],"first_id":{},"last_id":{},"has_more":{}}}"#,
            data.join(","),
            id(shown.first()),
            id(shown.last()),
            rest.len() > shown.len(),
        );
        Ok(list.into())
    }
}

/// The list, or `None` where nothing of this name is kept for this owner.
pub(crate) async fn list(
    gateway: &Gateway,
    owner: &PrincipalName,
    reply: &str,
    query: Option<&str>,
) -> Result<Option<Bytes>, ErrorReply> {
    let page = Page::read(query)?;
    let mut chain: Vec<Arc<KeptReply>> = Vec::new();
    let mut next = Some(reply.to_owned());
    // What was followed and is kept no longer is listed no longer.
    while let Some(id) = next.take().filter(|_| chain.len() < gateway.kept.limits.followed) {
        let kept = gateway.kept.find(owner, &id, gateway.wall()).await.map_err(shelf_down)?;
        let Some(kept) = kept else { break };
        next.clone_from(&kept.follows);
        chain.push(kept);
    }
    if chain.is_empty() {
        return Ok(None);
    }
    page.of(items(&chain)).map(Some)
}

/// What the newest of these replies, which is the first, was asked with.
fn items(chain: &[Arc<KeptReply>]) -> Vec<ListedItem> {
    let mut items = Vec::new();
    for (index, kept) in chain.iter().enumerate().rev() {
        items.extend(listed_items(&kept.asked, &kept.id));
        if index > 0 {
            items.extend(listed_items(&said_items(&kept.reply, true), &kept.id));
        }
    }
    // What a caller sent again under its name stands where it was said first.
    let mut seen = BTreeSet::new();
    items.retain(|item| seen.insert(item.id.clone()));
    items
}

fn refuse(param: &str, complaint: &str) -> ErrorReply {
    let message = format!("`{param}` {complaint}");
    let reply = errors::reply(ErrorKind::BadRequest, "invalid_field", message);
    ErrorReply { param: Some(param.to_owned()), ..reply }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn a_page_is_read_from_the_query() {
        let page = |limit, is_ascending, after: Option<&str>| {
            Ok(Page { limit, is_ascending, after: after.map(str::to_owned) })
        };
        let check = |query: &str, expect| {
            let read = Page::read(Some(query)).map_err(|error| error.param.unwrap());
            assert_eq!(read, expect, "{query}");
        };
        assert_eq!(Page::read(None).unwrap(), Page::default());
        check("", page(20, false, None));
        check("limit=1&order=asc&after=msg_1&include[]=x", page(1, true, Some("msg_1")));
        check("limit=100&order=desc", page(100, false, None));
        for wrong in ["limit=0", "limit=101", "limit=x", "limit="] {
            check(wrong, Err("limit".to_owned()));
        }
        check("order=up", Err("order".to_owned()));
    }
}
