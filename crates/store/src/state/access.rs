//! Who may come in, what they may see, and what they have done. Secrets are kept as hashes only; whoever calls makes these.

use super::{
    Paging, Result, State, StateError,
    list::{Key, List, containing},
    sql::{Columns, Query, q, word_of},
    to_json,
};
use gabion_api::rest::{AuditEntry, Millis, Page, Role, Token, User, UserChange};
use sqlx::any::AnyRow;

/// What somebody may see; empty lists do not limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// What belongs to these owners.
    pub owners: Vec<String>,
    /// What is in these namespaces.
    pub namespaces: Vec<String>,
}

impl Scope {
    /// Everything.
    pub const fn all() -> Self {
        Self { owners: Vec::new(), namespaces: Vec::new() }
    }

    /// Whether it is everything.
    pub fn is_all(&self) -> bool {
        self.owners.is_empty() && self.namespaces.is_empty()
    }

    /// Only rows within it. What has no namespace is in none, so that a limit by namespace alone hides it.
    pub(super) fn limit(
        &self,
        mut query: Query,
        owner: &'static str,
        namespace: Option<&'static str>,
    ) -> Query {
        if !self.owners.is_empty() {
            query = query.push(" AND ").push(owner).push(" IN ").list(&self.owners);
        }
        match namespace {
            _ if self.namespaces.is_empty() => query,
            Some(namespace) => query.push(" AND ").push(namespace).push(" IN ").list(&self.namespaces),
            // Rows that belong to no namespace, such as images, are limited by owner only; with none nothing is told of them.
            None if self.owners.is_empty() => query.push(" AND 1 = 0"),
            None => query,
        }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the user or token.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What they may see.
    pub scope: Scope,
    /// What must be sent with changes, for a session.
    pub csrf: Option<String>,
}

/// A user with the hash of the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUser {
    /// The user.
    pub user: User,
    /// Hash of the password.
    pub password: String,
}

/// A session to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession<'a> {
    /// Hash of its secret.
    pub hash: &'a str,
    /// Whose.
    pub user: &'a str,
    /// What must be sent with changes.
    pub csrf: &'a str,
    /// Until when it is good.
    pub expires: Millis,
}

const USERS: List = List {
    columns: "account.*",
    from: "account",
    id: "account.name",
    keys: &[
        Key { name: "name", column: "account.name", text: true },
        Key { name: "seen", column: "COALESCE(account.seen, 0)", text: false },
    ],
    down: false,
};

const TOKENS: List = List {
    columns: "token.*",
    from: "token",
    id: "token.id",
    keys: &[
        Key { name: "created", column: "token.created", text: false },
        Key { name: "name", column: "token.name", text: true },
    ],
    down: true,
};

const AUDIT: List = List {
    columns: "audit.*",
    from: "audit",
    id: "audit.id",
    keys: &[Key { name: "time", column: "audit.time", text: false }],
    down: true,
};

pub(super) fn user(row: &AnyRow) -> Result<User> {
    Ok(User {
        name: row.text("name")?,
        role: row.word("role")?,
        owners: row.json("owners")?,
        namespaces: row.json("namespaces")?,
        created: row.int("created")?,
        seen: row.maybe_int("seen")?,
        disabled: row.flag("disabled")?,
        issuer: row.maybe_text("issuer")?,
    })
}

fn token(row: &AnyRow) -> Result<Token> {
    Ok(Token {
        id: row.text("id")?,
        name: row.text("name")?,
        role: row.word("role")?,
        owners: row.json("owners")?,
        namespaces: row.json("namespaces")?,
        by: row.text("created_by")?,
        created: row.int("created")?,
        expires: row.int("expires")?,
        used: row.maybe_int("used")?,
        secret: None,
    })
}

pub(super) fn entry(row: &AnyRow) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.text("id")?,
        time: row.int("time")?,
        by: row.text("created_by")?,
        from: row.text("origin")?,
        action: row.text("action")?,
        target: row.text("target")?,
        detail: row.text("detail")?,
    })
}

impl State {
    /// A user comes to be.
    pub async fn add_user(&self, user: &User, password: &str) -> Result<()> {
        let added = q("INSERT INTO account (name, password, role, owners, namespaces, created, disabled) VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT (name) DO NOTHING")
            .bind(&user.name).bind(password).bind(word_of(user.role)).bind(to_json(&user.owners)).bind(to_json(&user.namespaces)).bind(user.created)
            .run(&self.pool).await?;
        if added == 0 {
            return Err(StateError::Refused(format!("there is a user {:?} already", user.name)));
        }
        Ok(())
    }

    /// A user by name.
    pub async fn user(&self, name: &str) -> Result<Option<StoredUser>> {
        let row = q("SELECT * FROM account WHERE name = ?").bind(name).first(&self.pool).await?;
        row.map(|row| Ok(StoredUser { user: user(&row)?, password: row.text("password")? })).transpose()
    }

    /// Users.
    pub async fn users(&self, paging: &Paging) -> Result<Page<User>> {
        self.page(USERS, paging, |query| query, user).await
    }

    /// Changes a user; `password` is the hash of a new one. Whoever may less from now on, or has a new password, must come in
    /// again. The last admin cannot be lost. Of whom a provider vouches for only whether they are shut out can be changed.
    pub async fn change_user(&self, name: &str, change: &UserChange, password: Option<String>) -> Result<()> {
        let mut tx = self.begin().await?;
        let row = q("SELECT * FROM account WHERE name = ?").bind(name).first(&mut *tx).await?;
        let row = row.ok_or_else(|| StateError::Absent { what: "user", id: name.to_owned() })?;
        let before = user(&row)?;
        let granted = change.role.is_some() || change.owners.is_some() || change.namespaces.is_some();
        if before.issuer.is_some() && (granted || password.is_some()) {
            return Err(StateError::Refused(
                "the provider says at each log-in what this user may do, and has their password".to_owned(),
            ));
        }
        let role = change.role.unwrap_or(before.role);
        let disabled = change.disabled.unwrap_or(before.disabled);
        q("UPDATE account SET role = ?, owners = ?, namespaces = ?, disabled = ?, password = COALESCE(?, password) WHERE name = ?")
            .bind(word_of(role)).bind(to_json(change.owners.as_ref().unwrap_or(&before.owners)))
            .bind(to_json(change.namespaces.as_ref().unwrap_or(&before.namespaces))).bind(disabled).bind(password).bind(name)
            .run(&mut *tx).await?;
        q("DELETE FROM session WHERE account = ?").bind(name).run(&mut *tx).await?;
        if is_admin(&before) {
            some_admin(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// A user is gone.
    pub async fn remove_user(&self, name: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let row = q("SELECT * FROM account WHERE name = ?").bind(name).first(&mut *tx).await?;
        let row = row.ok_or_else(|| StateError::Absent { what: "user", id: name.to_owned() })?;
        q("DELETE FROM session WHERE account = ?").bind(name).run(&mut *tx).await?;
        q("DELETE FROM account WHERE name = ?").bind(name).run(&mut *tx).await?;
        if is_admin(&user(&row)?) {
            some_admin(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Whether anybody may come in yet.
    pub async fn has_users(&self) -> Result<bool> {
        Ok(q("SELECT name FROM account LIMIT 1").first(&self.pool).await?.is_some())
    }

    /// Somebody has come in.
    pub async fn add_session(&self, session: &NewSession<'_>, now: Millis) -> Result<()> {
        q("INSERT INTO session (hash, account, csrf, created, used, expires) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(session.hash)
            .bind(session.user)
            .bind(session.csrf)
            .bind(now)
            .bind(now)
            .bind(session.expires)
            .run(&self.pool)
            .await?;
        q("UPDATE account SET seen = ? WHERE name = ?")
            .bind(now)
            .bind(session.user)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// Who has a session; one that was not used for `idle` is over.
    pub async fn session(&self, hash: &str, idle: Millis, now: Millis) -> Result<Option<Caller>> {
        let row = q("SELECT account.*, session.csrf AS csrf, session.used AS used FROM session JOIN account ON account.name = session.account \
             WHERE session.hash = ? AND session.expires > ? AND session.used > ? AND account.disabled = 0")
            .bind(hash).bind(now).bind(now - idle).first(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        // Not with each request: it is a write.
        if now - row.int("used")? > 60_000 {
            seen(q("UPDATE session SET used = ? WHERE hash = ?").bind(now).bind(hash).run(&self.pool).await)?;
        }
        let user = user(&row)?;
        let scope = Scope { owners: user.owners, namespaces: user.namespaces };
        Ok(Some(Caller { name: user.name, role: user.role, scope, csrf: Some(row.text("csrf")?) }))
    }

    /// Somebody goes.
    pub async fn end_session(&self, hash: &str) -> Result<()> {
        q("DELETE FROM session WHERE hash = ?").bind(hash).run(&self.pool).await.map(drop)
    }

    /// A token comes to be; `hash` is that of its secret.
    pub async fn add_token(&self, token: &Token, hash: &str) -> Result<()> {
        q("INSERT INTO token (id, hash, name, role, owners, namespaces, created_by, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&token.id).bind(hash).bind(&token.name).bind(word_of(token.role)).bind(to_json(&token.owners)).bind(to_json(&token.namespaces))
            .bind(&token.by).bind(token.created).bind(token.expires).run(&self.pool).await.map(drop)
    }

    /// Who has a token.
    pub async fn token(&self, hash: &str, now: Millis) -> Result<Option<Caller>> {
        let row = q("SELECT * FROM token WHERE hash = ? AND expires > ?")
            .bind(hash)
            .bind(now)
            .first(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let token = token(&row)?;
        if now - token.used.unwrap_or_default() > 60_000 {
            seen(
                q("UPDATE token SET used = ? WHERE id = ?").bind(now).bind(&token.id).run(&self.pool).await,
            )?;
        }
        let scope = Scope { owners: token.owners, namespaces: token.namespaces };
        Ok(Some(Caller { name: format!("token {}", token.name), role: token.role, scope, csrf: None }))
    }

    /// Tokens.
    pub async fn tokens(&self, paging: &Paging) -> Result<Page<Token>> {
        self.page(TOKENS, paging, |query| query, token).await
    }

    /// A token is good no more.
    pub async fn remove_token(&self, id: &str) -> Result<()> {
        if q("DELETE FROM token WHERE id = ?").bind(id).run(&self.pool).await? == 0 {
            return Err(StateError::Absent { what: "token", id: id.to_owned() });
        }
        Ok(())
    }

    /// Somebody has done something.
    pub async fn audit(&self, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.begin().await?;
        let arrived = super::sinks::arrive(&mut tx, 1).await?;
        q("INSERT INTO audit (id, time, created_by, origin, action, target, detail, arrived) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&entry.id).bind(entry.time).bind(&entry.by).bind(&entry.from).bind(&entry.action).bind(&entry.target).bind(&entry.detail)
            .bind(arrived).run(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What was done.
    pub async fn audited(&self, text: &str, paging: &Paging) -> Result<Page<AuditEntry>> {
        let filter = |query: Query| {
            if text.is_empty() {
                return query;
            }
            let pattern = containing(text);
            query.push(" AND (LOWER(audit.created_by) LIKE LOWER(?) ESCAPE '!' OR LOWER(audit.action) LIKE LOWER(?) ESCAPE '!' OR LOWER(audit.target) LIKE LOWER(?) ESCAPE '!')")
                .bind(&pattern).bind(&pattern).bind(pattern)
        };
        self.page(AUDIT, paging, filter, entry).await
    }

    /// Sessions and tokens that are over are forgotten.
    pub async fn forget_sessions(&self, now: Millis) -> Result<()> {
        q("DELETE FROM session WHERE expires < ?").bind(now).run(&self.pool).await?;
        q("DELETE FROM join_token WHERE expires < ? OR uses = 0").bind(now).run(&self.pool).await.map(drop)
    }

    /// A setting.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        let row = q("SELECT value FROM setting WHERE name = ?").bind(name).first(&self.pool).await?;
        row.map(|row| row.text("value")).transpose()
    }

    /// Keeps a setting.
    pub async fn set(&self, name: &str, value: &str) -> Result<()> {
        q("INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(name).bind(value).run(&self.pool).await.map(drop)
    }
}

/// When somebody was last seen is not worth that they are refused: on a full disk they look for what is wrong.
fn seen(kept: Result<u64>) -> Result<()> {
    match kept {
        Err(error) if !error.is_full() => Err(error),
        _ => Ok(()),
    }
}

/// Admins of a provider do not count: it may be away, or say otherwise tomorrow.
fn is_admin(user: &User) -> bool {
    user.role == Role::Admin && !user.disabled && user.issuer.is_none()
}

async fn some_admin(tx: super::Tx<'_>) -> Result<()> {
    let admin =
        q("SELECT name FROM account WHERE role = 'admin' AND disabled = 0 AND issuer IS NULL LIMIT 1")
            .first(tx)
            .await?;
    admin
        .map(drop)
        .ok_or_else(|| StateError::Refused("nobody would be left who may say who may do what".to_owned()))
}
