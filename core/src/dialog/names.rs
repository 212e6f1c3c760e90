//! The texts by which a dialog is known, in one piece of memory.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::wire::frame::{Facts, Frame};
use crate::wire::text::unfold_into;
use crate::wire::{HeaderName, NameAddr};

/// Call-ID, the peer's tag, and both sides as they stand in requests that we send.
pub(super) struct Names {
    /// One after another: Call-ID, the peer's tag, our From value, our To value.
    text: Box<[u8]>,
    call_id_end: u32,
    tag_end: u32,
    local_end: u32,
}

impl Names {
    /// Of the callee: we are the To of the INVITE, with our tag.
    pub(super) fn of_callee(frame: &Frame<'_>, facts: &Facts<'_>, tag: &[u8]) -> Self {
        let tag = if facts.to_tag.is_some() { &[] } else { tag };
        let local = (frame.first(HeaderName::To), &facts.to, tag);
        Self::new(facts, facts.from_tag, local, (frame.first(HeaderName::From), &facts.from))
    }

    /// Of the caller: we are the From of the response.
    pub(super) fn of_caller(frame: &Frame<'_>, facts: &Facts<'_>) -> Self {
        let local = (frame.first(HeaderName::From), &facts.from, &[][..]);
        Self::new(facts, facts.to_tag, local, (frame.first(HeaderName::To), &facts.to))
    }

    fn new(
        facts: &Facts<'_>,
        remote_tag: Option<&[u8]>,
        (local, local_addr, local_tag): (Option<&[u8]>, &NameAddr<'_>, &[u8]),
        (remote, remote_addr): (Option<&[u8]>, &NameAddr<'_>),
    ) -> Self {
        let remote_tag = remote_tag.unwrap_or_default();
        let (local, remote) = (local.unwrap_or_default(), remote.unwrap_or_default());
        let parts = [facts.call_id, remote_tag, local, b";tag=", local_tag, remote];
        let mut text = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        // What came in one message of at most 64 KiB does not come near the end of 32 bits.
        let len = |text: &Vec<u8>| text.len() as u32;
        text.extend_from_slice(facts.call_id);
        let call_id_end = len(&text);
        text.extend_from_slice(remote_tag);
        let tag_end = len(&text);
        put_party(local, local_addr, &mut text);
        if !local_tag.is_empty() {
            text.extend_from_slice(b";tag=");
            text.extend_from_slice(local_tag);
        }
        let local_end = len(&text);
        put_party(remote, remote_addr, &mut text);
        Self { text: text.into_boxed_slice(), call_id_end, tag_end, local_end }
    }

    fn part(&self, start: u32, end: u32) -> &[u8] {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The Call-ID.
    pub(super) fn call_id(&self) -> &[u8] {
        self.part(0, self.call_id_end)
    }

    /// The peer's tag alone; empty for an RFC 2543 peer.
    pub(super) fn remote_tag(&self) -> &[u8] {
        self.part(self.call_id_end, self.tag_end)
    }

    /// Our From value in requests that we send, with our tag.
    pub(super) fn local(&self) -> &[u8] {
        self.part(self.tag_end, self.local_end)
    }

    /// Our To value in requests that we send, with the peer's tag.
    pub(super) fn remote(&self) -> &[u8] {
        self.text.get(self.local_end as usize..).unwrap_or_default()
    }
}

/// Writes a From or To value for requests of ours: as it came, but for a name that lacks its quotes.
fn put_party(value: &[u8], addr: &NameAddr<'_>, text: &mut Vec<u8>) {
    match addr.quoted_display() {
        None => unfold_into(value, text),
        Some(display) => {
            for part in [&display[..], b" <", addr.uri, b">"] {
                text.extend_from_slice(part);
            }
            unfold_into(addr.params, text);
        }
    }
}
