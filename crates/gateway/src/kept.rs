//! Replies that callers want kept, so that a later request may follow them: per principal, for a time,
//! in bounded memory, and behind it on a shelf that outlives the process. Providers keep nothing.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use terms::{
    ids::{PrincipalName, ProviderName},
    time::Timestamp,
};

/// A reply with what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReply {
    /// Our name for it.
    pub id: String,
    /// Whose it is. Nobody else finds it.
    pub owner: PrincipalName,
    /// The reply that it follows.
    pub follows: Option<String>,
    /// Who answered: nobody else can read its sealed reasoning.
    pub provider: ProviderName,
    /// What was asked, as JSON items between commas.
    pub asked: String,
    /// The whole reply, as JSON.
    pub reply: Bytes,
    /// The ids of the items that it said.
    pub items: Vec<String>,
    /// Since when.
    pub at: Timestamp,
}

impl KeptReply {
    fn bytes(&self) -> usize {
        self.asked.len() + self.reply.len()
    }
}

/// How much is kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepLimits {
    /// How long a reply is kept. Default 30 days, as OpenAI does; zero keeps nothing.
    pub time: Duration,
    /// Bytes of kept replies in memory. Default 64 MiB; the shelf has what is older.
    pub memory_bytes: usize,
    /// Replies that one request may follow, one after the other. Default 1,000.
    pub followed: usize,
}

impl Default for KeepLimits {
    fn default() -> Self {
        Self { time: Duration::from_hours(720), memory_bytes: 64 << 20, followed: 1_000 }
    }
}

/// What a shelf promises for later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, ShelfDown>> + Send + 'a>>;

/// The shelf cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("kept replies cannot be read or written right now")]
pub struct ShelfDown;

/// Where replies outlive the process.
pub trait Shelf: fmt::Debug + Send + Sync {
    /// Takes a reply. Returns at once; it may be written later.
    fn put(&self, reply: Arc<KeptReply>);

    /// Finds a reply of this owner.
    fn find<'a>(&'a self, owner: &'a PrincipalName, id: &'a str) -> Later<'a, Option<KeptReply>>;

    /// Finds the reply of this owner that said the item with this id.
    fn find_item<'a>(
        &'a self,
        owner: &'a PrincipalName,
        item: &'a str,
    ) -> Later<'a, Option<KeptReply>>;

    /// Removes a reply of this owner; false where there was none.
    fn remove<'a>(&'a self, owner: &'a PrincipalName, id: &'a str) -> Later<'a, bool>;
}

/// Every reply that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) limits: KeepLimits,
    memory: Mutex<Memory>,
    shelf: Option<Arc<dyn Shelf>>,
}

#[derive(Debug, Default)]
struct Memory {
    replies: HashMap<String, Arc<KeptReply>>,
    /// Which reply said an item.
    items: HashMap<String, String>,
    /// Oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

impl Kept {
    pub(crate) fn new(limits: KeepLimits, shelf: Option<Arc<dyn Shelf>>) -> Self {
        Self { limits, memory: Mutex::default(), shelf }
    }

    /// Whether anything is kept at all.
    pub(crate) fn is_on(&self) -> bool {
        !self.limits.time.is_zero()
    }

    pub(crate) fn put(&self, reply: KeptReply) {
        let reply = Arc::new(reply);
        self.memory().put(Arc::clone(&reply), self.limits.memory_bytes);
        if let Some(shelf) = &self.shelf {
            shelf.put(reply);
        }
    }

    pub(crate) async fn find(
        &self,
        owner: &PrincipalName,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<KeptReply>>, ShelfDown> {
        let known = self.memory().replies.get(id).cloned();
        let found = match (known, &self.shelf) {
            (Some(reply), _) => Some(reply),
            (None, Some(shelf)) => shelf.find(owner, id).await?.map(Arc::new),
            (None, None) => None,
        };
        Ok(self.shown(found, owner, now))
    }

    /// The reply that said an item.
    pub(crate) async fn find_item(
        &self,
        owner: &PrincipalName,
        item: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<KeptReply>>, ShelfDown> {
        let known = self.memory().said(item);
        let found = match (known, &self.shelf) {
            (Some(reply), _) => Some(reply),
            (None, Some(shelf)) => shelf.find_item(owner, item).await?.map(Arc::new),
            (None, None) => None,
        };
        Ok(self.shown(found, owner, now))
    }

    /// Its owner's alone, and only for its time.
    fn shown(
        &self,
        found: Option<Arc<KeptReply>>,
        owner: &PrincipalName,
        now: Timestamp,
    ) -> Option<Arc<KeptReply>> {
        let oldest =
            now.0.saturating_sub(i64::try_from(self.limits.time.as_millis()).unwrap_or(i64::MAX));
        found.filter(|reply| reply.owner == *owner && reply.at.0 >= oldest)
    }

    pub(crate) async fn remove(&self, owner: &PrincipalName, id: &str) -> Result<bool, ShelfDown> {
        let was_known = self.memory().remove(owner, id);
        let was_shelved = match &self.shelf {
            Some(shelf) => shelf.remove(owner, id).await?,
            None => false,
        };
        Ok(was_known || was_shelved)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn put(&mut self, reply: Arc<KeptReply>, most: usize) {
        self.bytes += reply.bytes();
        self.order.push_back(reply.id.clone());
        for item in &reply.items {
            self.items.insert(item.clone(), reply.id.clone());
        }
        self.replies.insert(reply.id.clone(), reply);
        while self.bytes > most {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(gone) = self.replies.remove(&oldest) {
                self.forget(&gone);
            }
        }
    }

    fn forget(&mut self, gone: &KeptReply) {
        self.bytes -= gone.bytes();
        for item in &gone.items {
            self.items.remove(item);
        }
    }

    fn said(&self, item: &str) -> Option<Arc<KeptReply>> {
        self.replies.get(self.items.get(item)?).cloned()
    }

    fn remove(&mut self, owner: &PrincipalName, id: &str) -> bool {
        let owned = self.replies.get(id).is_some_and(|reply| reply.owner == *owner);
        if let Some(gone) = owned.then(|| self.replies.remove(id)).flatten() {
            self.forget(&gone);
            self.order.retain(|kept| kept != id);
        }
        owned
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use terms::time::Timestamp;

    use super::{KeepLimits, Kept, KeptReply};

    fn reply(id: &str, owner: &str, bytes: usize) -> KeptReply {
        KeptReply {
            id: id.to_owned(),
            owner: owner.into(),
            follows: None,
            provider: "p".into(),
            asked: String::new(),
            reply: Bytes::from(vec![b' '; bytes]),
            items: vec![format!("msg_{id}")],
            at: Timestamp(1_000),
        }
    }

    #[tokio::test]
    async fn memory_is_bounded_and_nobody_finds_what_is_anothers_or_too_old() {
        let limits = KeepLimits { memory_bytes: 100, ..KeepLimits::default() };
        let kept = Kept::new(limits, None);
        let now = Timestamp(2_000);
        kept.put(reply("a", "ada", 60));
        assert!(kept.find(&"ada".into(), "a", now).await.unwrap().is_some());
        assert!(kept.find(&"bob".into(), "a", now).await.unwrap().is_none());
        let month = Timestamp(1_001 + 30 * 86_400_000);
        assert!(kept.find(&"ada".into(), "a", month).await.unwrap().is_none());
        assert!(kept.find_item(&"ada".into(), "msg_a", now).await.unwrap().is_some());
        assert!(kept.find_item(&"bob".into(), "msg_a", now).await.unwrap().is_none());
        kept.put(reply("b", "ada", 60));
        assert!(kept.find_item(&"ada".into(), "msg_a", now).await.unwrap().is_none());
        assert!(kept.find(&"ada".into(), "a", now).await.unwrap().is_none(), "the oldest goes");
        assert!(!kept.remove(&"bob".into(), "b").await.unwrap());
        assert!(kept.remove(&"ada".into(), "b").await.unwrap());
        kept.put(reply("c", "ada", 90));
        assert!(kept.find(&"ada".into(), "c", now).await.unwrap().is_some());
    }
}
