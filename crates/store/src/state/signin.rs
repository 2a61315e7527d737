//! Accounts that a provider of identities vouches for. One is known by issuer and subject, which never change, not by its name: names are given
//! to others again. It has no password, and what it may do is what the provider's groups gave it when it came in last.

use super::{
    Result, Scope, State,
    access::user,
    sql::{q, word_of},
    to_json,
};
use gabion_api::rest::{Millis, Role};

/// Somebody for whom a provider vouches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vouched<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// Who it is there.
    pub subject: &'a str,
    /// What they are called, if they are new here.
    pub name: &'a str,
    /// What they may do.
    pub role: Role,
    /// What they may see.
    pub scope: &'a Scope,
}

/// What became of somebody who wanted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameIn {
    /// They have an account now.
    New,
    /// They had one, under this name, with what they could do and see until now.
    Known(String, Role, Scope),
    /// They had one, and it is shut out.
    Disabled(String),
    /// Somebody else has their name.
    Taken,
}

impl State {
    /// The account of somebody for whom a provider vouches, with what they may do from now on.
    pub async fn vouched(&self, who: &Vouched<'_>, now: Millis) -> Result<CameIn> {
        let mut tx = self.begin().await?;
        let row = q("SELECT * FROM account WHERE issuer = ? AND subject = ?")
            .bind(who.issuer)
            .bind(who.subject)
            .first(&mut *tx)
            .await?;
        let came = if let Some(row) = row {
            let before = user(&row)?;
            if before.disabled {
                return Ok(CameIn::Disabled(before.name));
            }
            q("UPDATE account SET role = ?, owners = ?, namespaces = ? WHERE name = ?")
                .bind(word_of(who.role))
                .bind(to_json(&who.scope.owners))
                .bind(to_json(&who.scope.namespaces))
                .bind(&before.name)
                .run(&mut *tx)
                .await?;
            let scope = Scope { owners: before.owners, namespaces: before.namespaces };
            CameIn::Known(before.name, before.role, scope)
        } else {
            let made = q("INSERT INTO account (name, password, role, owners, namespaces, created, disabled, issuer, subject) \
                 VALUES (?, '', ?, ?, ?, ?, 0, ?, ?) ON CONFLICT (name) DO NOTHING")
                .bind(who.name).bind(word_of(who.role)).bind(to_json(&who.scope.owners)).bind(to_json(&who.scope.namespaces))
                .bind(now).bind(who.issuer).bind(who.subject).run(&mut *tx).await?;
            if made == 0 { CameIn::Taken } else { CameIn::New }
        };
        tx.commit().await?;
        Ok(came)
    }

    /// Whoever came in by a provider must come in again.
    pub async fn end_vouched_sessions(&self) -> Result<u64> {
        q("DELETE FROM session WHERE account IN (SELECT name FROM account WHERE issuer IS NOT NULL)")
            .run(&self.pool)
            .await
    }

    /// Forgets a setting.
    pub async fn unset(&self, name: &str) -> Result<bool> {
        Ok(q("DELETE FROM setting WHERE name = ?").bind(name).run(&self.pool).await? > 0)
    }
}
