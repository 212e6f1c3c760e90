//! Offhook on tokio.
