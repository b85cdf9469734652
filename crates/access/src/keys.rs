//! The table of virtual keys: who is asking. It is in memory and swapped whole, so that identifying
//! a caller never waits, never reads the store and allocates nothing.

use std::{collections::HashMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use store::{KeyRow, Store};
use subtle::ConstantTimeEq;
use terms::{
    ids::{KeyId, PrincipalName, TeamName},
    time::Timestamp,
};

use crate::{
    error::AccessError,
    mint::{Handle, NewKey, handle_of_id, handle_of_key},
    secret::{Secret, random_bytes},
};

/// The setting that keeps the pepper: without it the stored hashes tell nothing.
const PEPPER: &str = "key_pepper";

/// Characters that a principal, a team or a key's name may have: they stand in tables.
const NAME_LIMIT: usize = 100;

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key that was presented.
    pub key: KeyId,
    /// Its owner.
    pub principal: PrincipalName,
    /// Who pays.
    pub team: TeamName,
}

/// The presented key opens nothing. Deliberately says no more: unknown, disabled and malformed
/// keys are refused alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this key is not valid here; check it, or ask an admin for a new one")]
pub struct Refusal;

/// A key as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySummary {
    /// Its public part.
    pub id: KeyId,
    /// What its maker calls it.
    pub name: String,
    /// Its owner.
    pub principal: PrincipalName,
    /// Who pays.
    pub team: TeamName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was disabled; `None` while it works.
    pub disabled_at: Option<Timestamp>,
}

#[derive(Clone)]
struct Entry {
    summary: Arc<KeySummary>,
    caller: Arc<Caller>,
    secret_hash: [u8; 32],
    /// Whether the key is the process's own and ends with it.
    is_lent: bool,
}

type Table = HashMap<Handle, Entry>;

/// Every virtual key. Shared by all who identify callers.
pub struct Keys {
    pepper: [u8; 32],
    table: ArcSwap<Table>,
}

impl Keys {
    /// Reads all keys from the store. The first load of a store also makes its pepper.
    pub async fn load(store: &Store) -> Result<Self, AccessError> {
        let pepper = store.put_setting_if_absent(PEPPER, &random_bytes::<32>()?).await?;
        let pepper = pepper
            .try_into()
            .map_err(|_| AccessError::Damaged("a key pepper that is not 32 bytes".to_owned()))?;
        let keys = Self { pepper, table: ArcSwap::default() };
        keys.reload(store).await?;
        Ok(keys)
    }

    /// Reads all keys again, for changes that another program made to the store.
    pub async fn reload(&self, store: &Store) -> Result<(), AccessError> {
        let entries = store.keys().await?.into_iter().map(read_entry);
        let stored = entries.collect::<Result<Table, _>>()?;
        self.table.rcu(|table| {
            let lent = table.iter().filter(|(_, entry)| entry.is_lent);
            let lent = lent.map(|(handle, entry)| (*handle, entry.clone()));
            stored.clone().into_iter().chain(lent).collect::<Table>()
        });
        Ok(())
    }

    /// Says who presents this key. Takes the same time for a wrong secret as for an unknown key.
    ///
    /// # Errors
    /// [`Refusal`], the same for an unknown, a disabled and a malformed key.
    pub fn identify(&self, presented: &str) -> Result<Arc<Caller>, Refusal> {
        let handle = handle_of_key(presented).ok_or(Refusal)?;
        let hash = self.hash(presented);
        let table = self.table.load();
        let entry = table.get(&handle);
        let expected = entry.map_or(&[0; 32], |entry| &entry.secret_hash);
        let proven = bool::from(hash.ct_eq(expected));
        match entry {
            Some(entry) if proven && entry.summary.disabled_at.is_none() => {
                Ok(Arc::clone(&entry.caller))
            }
            _ => Err(Refusal),
        }
    }

    /// Makes a key for this owner and keeps it. The answer holds the secret for the only time.
    ///
    /// # Errors
    /// [`AccessError::BadName`] when a name is empty, too long or holds control characters.
    pub async fn create(
        &self,
        store: &Store,
        principal: PrincipalName,
        team: TeamName,
        name: &str,
        now: Timestamp,
    ) -> Result<NewKey, AccessError> {
        check_name("principal", principal.as_str())?;
        check_name("team", team.as_str())?;
        check_name("name", name)?;
        let key = NewKey::random()?;
        let row = KeyRow {
            id: key.id.clone(),
            name: name.to_owned(),
            principal,
            team,
            secret_hash: self.hash(key.secret.expose()),
            created_at: now,
            disabled_at: None,
        };
        store.insert_key(&row).await?;
        let (handle, entry) = read_entry(row)?;
        self.change(|table| {
            table.insert(handle, entry.clone());
        });
        Ok(key)
    }

    /// Makes a key for a part of this very process. It is kept in memory alone, stands in no list, and
    /// ends with the process.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn lend(
        &self,
        principal: PrincipalName,
        team: TeamName,
        now: Timestamp,
    ) -> Result<Secret, AccessError> {
        let key = NewKey::random()?;
        let name = principal.to_string();
        let row = KeyRow {
            id: key.id,
            name,
            principal,
            team,
            secret_hash: self.hash(key.secret.expose()),
            created_at: now,
            disabled_at: None,
        };
        let (handle, entry) = read_entry(row)?;
        let entry = Entry { is_lent: true, ..entry };
        self.change(|table| {
            table.insert(handle, entry.clone());
        });
        Ok(key.secret)
    }

    /// Disables a key for good, from the next call of [`Keys::identify`] on. `false` when there is
    /// no such key or it is disabled already.
    pub async fn disable(
        &self,
        store: &Store,
        id: &KeyId,
        now: Timestamp,
    ) -> Result<bool, AccessError> {
        let disabled = store.disable_key(id, now).await?;
        let handle = handle_of_id(id).filter(|_| disabled);
        if let Some(handle) = handle {
            self.change(|table| {
                if let Some(entry) = table.get_mut(&handle) {
                    let summary = KeySummary::clone(&entry.summary);
                    entry.summary = Arc::new(KeySummary { disabled_at: Some(now), ..summary });
                }
            });
        }
        Ok(disabled)
    }

    /// Every key that somebody made, disabled ones too, oldest first.
    pub fn list(&self) -> Vec<Arc<KeySummary>> {
        let table = self.table.load();
        let made = table.values().filter(|entry| !entry.is_lent);
        let mut list: Vec<_> = made.map(|entry| Arc::clone(&entry.summary)).collect();
        list.sort_by(|one, other| {
            one.created_at.cmp(&other.created_at).then_with(|| one.id.cmp(&other.id))
        });
        list
    }

    /// Swaps in a changed copy of the table; tried again when another change came between.
    fn change(&self, change: impl Fn(&mut Table)) {
        self.table.rcu(|table| {
            let mut changed = Table::clone(table);
            change(&mut changed);
            changed
        });
    }

    /// Seals a text for a principal: 16 hexadecimal digits that only this installation can make. `use_of`
    /// names what for, so that a seal of one kind is none of another.
    pub fn seal(&self, use_of: &str, principal: &PrincipalName, text: &str) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.pepper);
        for part in ["seal", use_of, principal.as_str(), text] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// BLAKE3 keyed with the pepper over the whole key, whose 256 random bits make a slow hash
    /// pointless. 59 bytes are a single block.
    fn hash(&self, key: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.pepper, key.as_bytes()).as_bytes()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("count", &self.table.load().len()).finish_non_exhaustive()
    }
}

fn read_entry(row: KeyRow) -> Result<(Handle, Entry), AccessError> {
    let handle = handle_of_id(&row.id)
        .ok_or_else(|| AccessError::Damaged(format!("a key with the id {}", row.id)))?;
    let caller =
        Caller { key: row.id.clone(), principal: row.principal.clone(), team: row.team.clone() };
    let summary = KeySummary {
        id: row.id,
        name: row.name,
        principal: row.principal,
        team: row.team,
        created_at: row.created_at,
        disabled_at: row.disabled_at,
    };
    let entry = Entry {
        summary: Arc::new(summary),
        caller: Arc::new(caller),
        secret_hash: row.secret_hash,
        is_lent: false,
    };
    Ok((handle, entry))
}

fn check_name(what: &'static str, name: &str) -> Result<(), AccessError> {
    let length = name.chars().count();
    let usable = (1..=NAME_LIMIT).contains(&length) && !name.chars().any(char::is_control);
    usable.then_some(()).ok_or(AccessError::BadName { what, limit: NAME_LIMIT })
}
