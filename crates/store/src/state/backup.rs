//! A copy of the state while the hub goes on.

use super::{Kind, Result, State, StateError, sql::q};
use std::path::Path;

impl State {
    /// Writes a consistent copy to a file that does not exist yet. A PostgreSQL server has its own way.
    pub async fn backup(&self, to: &Path) -> Result<()> {
        if self.kind == Kind::Postgres {
            return Err(StateError::Refused("the state is in PostgreSQL: use pg_dump".to_owned()));
        }
        if to.exists() {
            return Err(StateError::Refused(format!("{} is there already", to.display())));
        }
        q("VACUUM INTO ?").bind(to.display().to_string()).run(&self.pool).await.map(drop)
    }
}
