//! Kept replies in the store, so that they outlive the process: written behind the answers in batches
//! by one task, read when they are no longer in memory, thinned by age and size.

use std::{fmt, sync::Arc, time::Duration};

use gateway::{KeptReply, Later, Shelf, ShelfDown};
use store::{ReplyRow, Store};
use terms::{ids::PrincipalName, time::Timestamp};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::clock::wall;

/// Orders that wait for the task at most. A reply beyond it is kept in memory alone.
const WAITING: usize = 4_096;

/// Replies that are written at once.
const BATCH: usize = 64;

/// How often old replies are thrown away.
const THINNING: Duration = Duration::from_mins(10);

/// What is kept in the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShelfLimits {
    /// How long.
    pub(crate) time: Duration,
    /// Bytes at most; the oldest go first.
    pub(crate) bytes: u64,
}

/// Where an answer is waited for.
type Answer<T> = oneshot::Sender<Result<T, ShelfDown>>;

enum Order {
    Put(Arc<KeptReply>),
    Find(PrincipalName, String, Answer<Option<KeptReply>>),
    FindItem(PrincipalName, String, Answer<Option<KeptReply>>),
    Remove(PrincipalName, String, Answer<bool>),
    /// Nothing comes any more.
    Close,
}

/// The side of it that the gateway holds.
pub(crate) struct StoreShelf {
    orders: mpsc::Sender<Order>,
}

impl fmt::Debug for StoreShelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreShelf")
    }
}

impl StoreShelf {
    /// Starts the task, which ends after [`StoreShelf::close`].
    pub(crate) fn start(store: Store, limits: ShelfLimits) -> (Arc<Self>, JoinHandle<()>) {
        let (orders, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(run(store, limits, waiting));
        (Arc::new(Self { orders }), task)
    }

    /// Gives an order and waits for its answer.
    async fn ask<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, ShelfDown> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(order(answer)).await.map_err(|_| ShelfDown)?;
        answered.await.map_err(|_| ShelfDown)?
    }

    /// Everything that was put is written before the task ends.
    pub(crate) async fn close(&self, task: JoinHandle<()>) {
        let _ = self.orders.send(Order::Close).await;
        let _ = task.await;
    }
}

impl Shelf for StoreShelf {
    fn put(&self, reply: Arc<KeptReply>) {
        if self.orders.try_send(Order::Put(reply)).is_err() {
            tracing::warn!("a kept reply is in memory alone, because too many wait to be written");
        }
    }

    fn find<'a>(&'a self, owner: &'a PrincipalName, id: &'a str) -> Later<'a, Option<KeptReply>> {
        let order = |answer| Order::Find(owner.clone(), id.to_owned(), answer);
        Box::pin(self.ask(order))
    }

    fn find_item<'a>(
        &'a self,
        owner: &'a PrincipalName,
        item: &'a str,
    ) -> Later<'a, Option<KeptReply>> {
        let order = |answer| Order::FindItem(owner.clone(), item.to_owned(), answer);
        Box::pin(self.ask(order))
    }

    fn remove<'a>(&'a self, owner: &'a PrincipalName, id: &'a str) -> Later<'a, bool> {
        let order = |answer| Order::Remove(owner.clone(), id.to_owned(), answer);
        Box::pin(self.ask(order))
    }
}

async fn run(store: Store, limits: ShelfLimits, mut waiting: mpsc::Receiver<Order>) {
    let mut thinning = interval_at(Instant::now(), THINNING);
    thinning.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut orders = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            taken = waiting.recv_many(&mut orders, BATCH) => {
                let closing = orders.iter().any(|order| matches!(order, Order::Close));
                work(&store, &mut orders).await;
                if taken == 0 || closing {
                    return;
                }
            }
            _ = thinning.tick() => thin(&store, limits).await,
        }
    }
}

/// Works orders off in their order; replies that come in a row are written at once.
async fn work(store: &Store, orders: &mut Vec<Order>) {
    let mut rows = Vec::new();
    for order in orders.drain(..) {
        match order {
            Order::Put(reply) => rows.push(row(&reply)),
            Order::Find(owner, id, answer) => {
                write(store, &mut rows).await;
                let found = store.kept_reply(owner.as_str(), &id).await;
                // A caller that left needs no answer.
                let _ = answer.send(found.map(|found| found.map(reply)).map_err(|e| down(&e)));
            }
            Order::FindItem(owner, item, answer) => {
                write(store, &mut rows).await;
                let found = store.kept_item(owner.as_str(), &item).await;
                let _ = answer.send(found.map(|found| found.map(reply)).map_err(|e| down(&e)));
            }
            Order::Remove(owner, id, answer) => {
                write(store, &mut rows).await;
                let removed = store.remove_reply(owner.as_str(), &id).await;
                let _ = answer.send(removed.map_err(|e| down(&e)));
            }
            Order::Close => {}
        }
    }
    write(store, &mut rows).await;
}

async fn write(store: &Store, rows: &mut Vec<ReplyRow>) {
    if !rows.is_empty()
        && let Err(failure) = store.keep_replies(rows).await
    {
        tracing::error!(%failure, "kept replies could not be written; they are in memory alone");
    }
    rows.clear();
}

async fn thin(store: &Store, limits: ShelfLimits) {
    let time = i64::try_from(limits.time.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp(wall().0.saturating_sub(time));
    let most = i64::try_from(limits.bytes).unwrap_or(i64::MAX);
    if let Err(failure) = store.thin_replies(before, most).await {
        tracing::warn!(%failure, "old replies could not be thrown away");
    }
}

fn down(failure: &store::StoreError) -> ShelfDown {
    tracing::error!(%failure, "a kept reply cannot be read");
    ShelfDown
}

fn row(reply: &KeptReply) -> ReplyRow {
    ReplyRow {
        id: reply.id.clone(),
        principal: reply.owner.as_str().to_owned(),
        follows: reply.follows.clone(),
        provider: reply.provider.as_str().to_owned(),
        asked: reply.asked.clone(),
        reply: reply.reply.to_vec(),
        items: reply.items.clone(),
        at: reply.at,
    }
}

fn reply(row: ReplyRow) -> KeptReply {
    KeptReply {
        id: row.id,
        owner: row.principal.into(),
        follows: row.follows,
        provider: row.provider.into(),
        asked: row.asked,
        reply: row.reply.into(),
        items: row.items,
        at: row.at,
    }
}
