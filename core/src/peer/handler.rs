//! The asynchronous signalling handler: `Defer` in the core, and a task that decides later.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use crate::signaling::{Deferral, InviteDetails};

use super::incoming::IncomingCall;
use super::shared::Shared;
use super::signalling::Waiting;

/// Decides about incoming calls, and may take its time.
///
/// Every call is asked about in a task of its own: one that waits holds nobody up. If it panics, its call is refused
/// with 500 and everything else goes on.
pub trait SignalingHandler: Send + Sync + 'static {
    /// A call has come. Write it as `async fn on_incoming_invite(&self, invite: InviteDetails) -> SignalingDecision`.
    fn on_incoming_invite(&self, invite: InviteDetails) -> impl Future<Output = SignalingDecision> + Send;
}

impl<H: SignalingHandler> SignalingHandler for Arc<H> {
    fn on_incoming_invite(&self, invite: InviteDetails) -> impl Future<Output = SignalingDecision> + Send {
        H::on_incoming_invite(self, invite)
    }
}

/// What to do with an incoming call.
#[non_exhaustive]
pub enum SignalingDecision {
    /// It rings, and `get_incoming_call` hands it out.
    Accept,
    /// It is refused with this status (300 to 699).
    Reject(u16),
    /// `get_incoming_call` hands it out, ringing or silent; refused with 480 if nobody decides in time.
    Defer(Deferral),
    /// This gets the call itself, silent as it is.
    Custom(CustomAction),
}

/// What [`SignalingDecision::Custom`] runs.
pub type CustomAction = Box<dyn FnOnce(IncomingCall) + Send>;

impl SignalingDecision {
    /// [`SignalingDecision::Custom`] without the box.
    ///
    /// What the decision has taken, an agent or a line, is best moved into the action as a value that gives it back when it is
    /// dropped. A caller may give up between the decision and the action: then the action is dropped without being run,
    /// and an [`Accept`](SignalingDecision::Accept) hands no call out.
    pub fn custom(action: impl FnOnce(IncomingCall) + Send + 'static) -> Self {
        Self::Custom(Box::new(action))
    }
}

impl std::fmt::Debug for SignalingDecision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accept => f.write_str("Accept"),
            Self::Reject(status) => write!(f, "Reject({status})"),
            Self::Defer(deferral) => write!(f, "Defer({deferral:?})"),
            Self::Custom(_) => f.write_str("Custom(..)"),
        }
    }
}

/// A handler whose type nobody needs to know.
pub(crate) trait ErasedHandler: Send + Sync {
    fn ask<'a>(
        &'a self,
        invite: InviteDetails,
    ) -> Pin<Box<dyn Future<Output = SignalingDecision> + Send + 'a>>;
}

impl<H: SignalingHandler> ErasedHandler for H {
    fn ask<'a>(
        &'a self,
        invite: InviteDetails,
    ) -> Pin<Box<dyn Future<Output = SignalingDecision> + Send + 'a>> {
        Box::pin(self.on_incoming_invite(invite))
    }
}

/// Asks the handler about a new call, in a task of its own. The call counts as held.
pub(crate) fn decide(shared: &Arc<Shared>, handler: &Arc<dyn ErasedHandler>, waiting: Waiting) {
    let handler = Arc::clone(handler);
    let for_task = Arc::clone(shared);
    shared.host.spawn_for_application(Box::pin(async move {
        let (id, session) = (waiting.id, waiting.session);
        let Some(stack) = for_task.stack() else {
            for_task.signalling(|side, now, _| side.let_go(&for_task, now, id));
            return;
        };
        let invite = InviteDetails::clone(&waiting.details);
        let call = IncomingCall::of(stack, waiting);
        let asked = caught(async { handler.ask(invite).await });
        match either(call.ended(), asked).await {
            // The caller gave up: there is nothing left to decide.
            Either::Left(_) => {}
            Either::Right(Ok(decision)) => carry_out(call, decision).await,
            Either::Right(Err(panic)) => {
                tracing::error!(%session, why = panic_words(&*panic), "the signalling handler panicked");
                call.refuse(500);
            }
        }
    }));
}

async fn carry_out(call: IncomingCall, decision: SignalingDecision) {
    let session = call.id();
    match decision {
        SignalingDecision::Accept => hand_out(call, Deferral { ring: true, deadline: None }).await,
        SignalingDecision::Reject(status) => {
            call.refuse(if (300..700).contains(&status) { status } else { 500 });
        }
        SignalingDecision::Defer(deferral) => hand_out(call, deferral).await,
        SignalingDecision::Custom(action) => {
            // A call that the panic drops is refused with 500 on the way.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| action(call))) {
                tracing::error!(%session, why = panic_words(&*panic), "a custom action panicked");
            }
        }
    }
}

/// Lets `get_incoming_call` hand the call out, and refuses it if nobody decides by its own deadline. The
/// coordinator's `answer_timeout` holds in any case.
async fn hand_out(call: IncomingCall, deferral: Deferral) {
    if deferral.ring
        && let Err(error) = call.ring()
    {
        tracing::debug!(session = %call.id(), %error, "cannot ring");
    }
    let shared = Arc::clone(call.shared());
    let id = call.give_back();
    let Some(deadline) = deferral.deadline else { return };
    let decided = shared.watch(id, |entry| (entry.end.is_some() || entry.undecided.is_none()).then_some(()));
    let asleep = shared.host.sleep_until(shared.host.now() + deadline);
    if let Either::Right(()) = either(decided, asleep).await {
        shared.signalling(|side, now, _| side.time_is_up(now, id));
    }
}

enum Either<L, R> {
    Left(L),
    Right(R),
}

/// What is ready first; the left one if both are.
async fn either<L, R>(left: impl Future<Output = L>, right: impl Future<Output = R>) -> Either<L, R> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| {
        if let Poll::Ready(left) = left.as_mut().poll(cx) {
            return Poll::Ready(Either::Left(left));
        }
        right.as_mut().poll(cx).map(Either::Right)
    })
    .await
}

/// Runs a future; a panic in it becomes an error.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn panic_words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no words)")
}
