//! Requests that stand for themselves: messages, questions what somebody can do, information within a call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::api::{AuthFailure, Refuser};
use crate::base::ids::RequestId;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator as Core;
use crate::signaling::{CommandError, MessageDetails};
use crate::wire::method::Method;

use super::call::Call;
use super::coordinator::UnifiedCoordinator;
use super::error::PeerError;
use super::shared::Shared;
use super::wakers::{Due, Wakers};

/// What somebody answered to a request of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Reply {
    /// The final status: 200 to 699; 408 or 503 if nobody answered.
    pub status: u16,
    /// Who gave it.
    pub refuser: Refuser,
    /// Its reason phrase.
    pub phrase: String,
    /// The whole response, if there was one.
    pub message: Option<Arc<MessageDetails>>,
    /// Why a challenge was not answered, or in vain (401, 407).
    pub auth: Option<AuthFailure>,
}

impl Reply {
    /// An error if it is a refusal.
    fn accepted(self, what: &'static str) -> Result<Self, PeerError> {
        match self.status {
            200..=299 => Ok(self),
            408 if self.message.is_none() => Err(PeerError::NoResponse { status: None }),
            status => {
                let Self { refuser, phrase, auth, .. } = self;
                Err(PeerError::Refused { what, refuser, status, phrase, auth })
            }
        }
    }
}

/// A request on its way, and who waits for its outcome.
#[derive(Default)]
struct Errand {
    auth: Option<AuthFailure>,
    reply: Option<Reply>,
    wakers: Wakers,
}

/// All of them. Those that nobody waits for any more are not here.
#[derive(Default)]
pub(crate) struct Errands {
    under_way: BTreeMap<RequestId, Errand>,
    /// No outcome will come any more.
    over: bool,
}

impl Errands {
    /// Its challenge is not answered.
    pub(crate) fn unproven(&mut self, request: RequestId, failure: AuthFailure) {
        if let Some(errand) = self.under_way.get_mut(&request) {
            errand.auth = Some(failure);
        }
    }

    pub(crate) fn done(&mut self, request: RequestId, mut reply: Reply, due: &mut Due) {
        if let Some(errand) = self.under_way.get_mut(&request) {
            reply.auth = errand.auth.take();
            errand.reply = Some(reply);
            errand.wakers.take_into(due);
        }
    }

    pub(crate) fn close(&mut self, due: &mut Due) {
        self.over = true;
        self.under_way.values_mut().for_each(|errand| errand.wakers.take_into(due));
    }

    fn poll(&mut self, request: RequestId, cx: &Context<'_>) -> Poll<Result<Reply, PeerError>> {
        match self.under_way.get_mut(&request) {
            Some(Errand { reply: Some(reply), .. }) => Poll::Ready(Ok(reply.clone())),
            Some(errand) if !self.over => {
                errand.wakers.register(cx);
                Poll::Pending
            }
            _ => Poll::Ready(Err(PeerError::ShuttingDown)),
        }
    }
}

/// Forgets a request when nobody waits for it any more.
struct Ticket<'a> {
    shared: &'a Arc<Shared>,
    request: RequestId,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.shared.look(|side| drop(side.errands.under_way.remove(&self.request)));
    }
}

/// Sends what `ask` asks the coordinator for, and waits for the outcome.
async fn run(
    shared: &Arc<Shared>,
    ask: impl FnOnce(&mut Core, Instant) -> Result<RequestId, CommandError>,
) -> Result<Reply, PeerError> {
    let request = shared.signalling(|side, now, _| {
        let request = ask(&mut side.core, now)?;
        side.errands.under_way.insert(request, Errand::default());
        Ok::<_, CommandError>(request)
    })?;
    let ticket = Ticket { shared, request };
    std::future::poll_fn(|cx| ticket.shared.look(|side| side.errands.poll(request, cx))).await
}

impl Call {
    /// Sends information within the call (INFO). Ready when the other side has taken it, or an error that says how it was
    /// refused; the call goes on. Dropping the future does not undo it.
    pub async fn info(&self, content_type: &str, body: &[u8]) -> Result<(), PeerError> {
        self.within(Method::Info, "the information", content_type, body).await
    }

    /// Sends a message within the call (MESSAGE), like [`info`](Self::info).
    pub async fn message(&self, content_type: &str, body: &[u8]) -> Result<(), PeerError> {
        self.within(Method::Message, "the message", content_type, body).await
    }

    async fn within(
        &self,
        method: Method,
        what: &'static str,
        content_type: &str,
        body: &[u8],
    ) -> Result<(), PeerError> {
        let body = Some((content_type, body));
        let reply =
            run(self.leg.shared(), |core, now| core.request_within(now, self.id(), method, &[], body)).await;
        match reply {
            Ok(reply) => reply.accepted(what).map(drop),
            Err(error) => Err(self.end().map_or(error, PeerError::Ended)),
        }
    }
}

impl<R> UnifiedCoordinator<R> {
    /// Sends a message to `target` (MESSAGE), outside any call. Ready when it was taken, or an error that says how it was
    /// refused. Messages to us come as [`Event::Message`](crate::api::Event::Message), if the settings want them.
    pub async fn message(&self, target: &str, content_type: &str, body: &[u8]) -> Result<Reply, PeerError> {
        let target = super::dialing::called_uri(target);
        let reply = run(self.shared(), |core, now| core.message(now, &target, content_type, body)).await?;
        reply.accepted("the message")
    }

    /// Asks `target` what it can do (OPTIONS): its answer, whatever it is.
    pub async fn options(&self, target: &str) -> Result<Reply, PeerError> {
        let target = super::dialing::called_uri(target);
        run(self.shared(), |core, now| core.options(now, &target)).await
    }
}
