//! Questions to the agent of a node, as its control socket takes them.

use crate::{
    Hub,
    agents::AskError,
    error::{Answer, ApiError},
};
use serde_json::Value;
use std::time::Duration;

impl Hub {
    /// Asks the agent of a node; what it says is done, or why it cannot be.
    pub(crate) async fn ask(&self, node: &str, question: &Value, patience: Duration) -> Answer<Value> {
        let mut answered = self.asked(node, question, patience).await?;
        match answered.get_mut("error") {
            Some(Value::String(why)) => Err(ApiError::Unreachable(std::mem::take(why))),
            _ => Ok(answered["done"].take()),
        }
    }

    /// The same for what is told in pieces.
    pub(crate) async fn ask_items(
        &self,
        node: &str,
        question: &Value,
        patience: Duration,
    ) -> Answer<Vec<String>> {
        let mut answered = self.asked(node, question, patience).await?;
        Ok(serde_json::from_value(answered["items"].take()).unwrap_or_default())
    }

    async fn asked(&self, node: &str, question: &Value, patience: Duration) -> Answer<Value> {
        let answered = self.ask_node(node, question.to_string().into_bytes(), patience).await;
        let bytes = answered.map_err(|error| match error {
            AskError::NotKnown => ApiError::Away,
            _ => ApiError::Unreachable(error.to_string()),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| {
            ApiError::Unreachable(format!("the answer of the node is not understood: {error}"))
        })
    }
}
