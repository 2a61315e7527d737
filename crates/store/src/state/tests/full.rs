//! A SQLite whose disk is full: nothing is taken that is not kept, whoever looks can, and when there is room no connection is worse than before.

use super::{super::*, faults::Small, *};
use gabion_api::rest::{Role, Token};
use std::fs;

/// Keeps policies of this size with several connections at a time until each has failed; the names of those that were kept.
async fn keep(state: &State, round: u32, text: &str) -> Vec<String> {
    let one = |writer: u32| async move {
        let mut kept = Vec::new();
        for number in 0..200 {
            let name = format!("p-{round}-{writer}-{number}");
            match state.keep_policy(&name, text, None, ("ann", ""), T0).await {
                Ok(_) => kept.push(name),
                Err(error) => {
                    assert!(error.is_full() && error.is_away(), "{error}");
                    return kept;
                }
            }
        }
        panic!("the disk is not full");
    };
    let writers = futures_util::future::join_all((0..CONNECTIONS).map(one)).await;
    writers.into_iter().flatten().collect()
}

#[test]
fn a_full_disk_takes_nothing_and_all_goes_on_when_there_is_room() {
    let Some(disk) = Small::of("8m") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let directory = disk.path();
        let state = State::in_directory(directory).await.expect("opens");
        let token = Token {
            id: "t".to_owned(),
            name: "ann".to_owned(),
            role: Role::Viewer,
            owners: Vec::new(),
            namespaces: Vec::new(),
            by: String::new(),
            created: T0,
            expires: T0 + 100 * MINUTE,
            used: None,
            secret: None,
        };
        state.add_token(&token, "hash").await.expect("kept");
        let filler = disk.fill(0);
        let mut kept = keep(&state, 0, &"x".repeat(30_000)).await;
        // What is smaller finds more room; then there is none.
        kept.extend(keep(&state, 1, "x").await);
        // When they were last seen cannot be kept, and they are let in.
        let asked = async |now| state.token("hash", now).await.expect("is answered").is_some();
        assert!(asked(T0 + 2 * MINUTE).await && asked(T0 + 4 * MINUTE).await);
        let there = async || {
            let all = state.policies().await.expect("is read");
            all.into_iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(there().await, kept.iter().cloned().collect());

        fs::remove_file(filler).expect("removes");
        let again = (0..CONNECTIONS * 4).map(|number| {
            let (state, name) = (state.clone(), format!("again-{number}"));
            async move {
                state.keep_policy(&name, "x", None, ("ann", ""), T0).await.expect("there is room");
                name
            }
        });
        kept.extend(futures_util::future::join_all(again).await);
        assert_eq!(there().await, kept.into_iter().collect());
        state.pool.close().await;
    });
}
