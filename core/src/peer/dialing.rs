//! An outgoing call before its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::api::{CallerIdentity, InviteParams, Privacy};
use crate::base::ids::SessionId;
use crate::signaling::BodyPart;
use crate::wire::uri::Host;

use super::audio::EarlyAudio;
use super::call::Call;
use super::entry::{Entry, EntryId};
use super::error::PeerError;
use super::shared::{Leg, Stack};
use super::signalling::Stage;

/// News of an outgoing call: a provisional response.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// 180 is ringing, 183 is something else under way.
    pub status: u16,
    /// The reason phrase.
    pub phrase: String,
    /// Whether audio may come before the answer.
    pub early_media: bool,
    /// The URI that is called from now on, if the call was sent elsewhere (a redirect): then the status is 181, call is
    /// being forwarded.
    pub redirected_to: Option<String>,
    /// Header fields that whoever sent it there would like in the INVITE, such as `User-to-User`. Those that
    /// [`redirect_headers`](super::PeerBuilder::redirect_headers) consents to go along.
    pub wishes: Vec<(String, String)>,
}

/// An outgoing call before its answer: a future that gives the [`Call`], and a view of what happens until then.
///
/// Nothing is sent before it is polled. Dropped before its answer, the call is cancelled.
#[must_use = "nothing is sent before this is awaited"]
pub struct Dialing {
    stack: Arc<Stack>,
    target: String,
    headers: Vec<(String, String)>,
    ring_timeout: Option<Duration>,
    late_offer: bool,
    parts: Vec<BodyPart>,
    identity: Identity,
    step: Step,
}

/// What of who calls differs from the settings.
#[derive(Default)]
struct Identity {
    display_name: Option<String>,
    user: Option<String>,
    asserted: [Option<String>; 2],
    preferred: Option<String>,
    privacy: Privacy,
}

impl Identity {
    fn as_params(&self) -> CallerIdentity<'_> {
        let Self { display_name, user, asserted: [first, second], preferred, privacy } = self;
        CallerIdentity {
            display_name: display_name.as_deref(),
            user: user.as_deref(),
            asserted: [first.as_deref(), second.as_deref()],
            preferred: preferred.as_deref(),
            privacy: *privacy,
        }
    }
}

/// Whom people call: a bare `bob@host` or `host`, and a URI as it is. A number, or a name without a host, is left for the
/// coordinator to complete with the domain that it knows.
pub(crate) fn called_uri(target: &str) -> String {
    let bare = !target.contains(['@', ':', '[']);
    let host = Host::parse(target.as_bytes()).is_some_and(|host| match host {
        Host::Name(name) => name.contains(&b'.'),
        _ => true,
    });
    if bare && !host { String::from(target) } else { full_uri(target) }
}

/// A bare `bob@host` or `host` is what people type; any other scheme is left for the coordinator to judge.
pub(crate) fn full_uri(target: &str) -> String {
    let has_scheme = target.split_once(':').is_some_and(|(scheme, rest)| {
        !scheme.contains(['@', '.', '['])
            && !rest.is_empty()
            && !rest.starts_with(|c: char| c.is_ascii_digit())
            || scheme.eq_ignore_ascii_case("sip")
            || scheme.eq_ignore_ascii_case("sips")
            || scheme.eq_ignore_ascii_case("tel")
    });
    if has_scheme { String::from(target) } else { format!("sip:{target}") }
}

enum Step {
    /// Nothing was sent yet.
    Idle,
    Calling(Leg, SessionId),
    Failed(PeerError),
    Done,
}

impl Dialing {
    pub(crate) fn new(stack: Arc<Stack>, target: &str) -> Self {
        Self {
            stack,
            target: called_uri(target),
            headers: Vec::new(),
            ring_timeout: None,
            late_offer: false,
            parts: Vec::new(),
            identity: Identity::default(),
            step: Step::Idle,
        }
    }

    /// The call has begun already.
    pub(crate) fn goes_on(&mut self, id: EntryId, session: SessionId) {
        self.step = Step::Calling(Leg::new(Arc::clone(&self.stack), id), session);
    }

    /// Adds a header to the INVITE.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((String::from(name), String::from(value)));
        self
    }

    /// Adds a part to the body of the INVITE, beside the session description (RFC 5621).
    pub fn with_part(mut self, part: BodyPart) -> Self {
        self.parts.push(part);
        self
    }

    /// Leaves the offer of media to the other side: the INVITE goes without a session description.
    pub const fn with_late_offer(mut self) -> Self {
        self.late_offer = true;
        self
    }

    /// The name that the other side sees in this call.
    pub fn with_display_name(mut self, name: &str) -> Self {
        self.identity.display_name = Some(String::from(name));
        self
    }

    /// The user, or number, that the other side sees in this call: From in place of ours, at the place of our
    /// address-of-record.
    pub fn with_user(mut self, user: &str) -> Self {
        self.identity.user = Some(String::from(user));
        self
    }

    /// Asserts to a network that trusts us who calls (P-Asserted-Identity, RFC 3325): a `sip:` or a `tel:` URI. It may be
    /// called twice, with one of each; of more the last counts.
    pub fn with_asserted_identity(mut self, uri: &str) -> Self {
        let [first, second] = &mut self.identity.asserted;
        *if first.is_none() { first } else { second } = Some(String::from(uri));
        self
    }

    /// Which of our names the network is to assert (P-Preferred-Identity, RFC 3325): a `sip:` or a `tel:` URI.
    pub fn with_preferred_identity(mut self, uri: &str) -> Self {
        self.identity.preferred = Some(String::from(uri));
        self
    }

    /// What the network is asked to hide (Privacy, RFC 3323). With [`Privacy::ANONYMOUS`] From says nothing of us.
    pub const fn with_privacy(mut self, privacy: Privacy) -> Self {
        self.identity.privacy = privacy;
        self
    }

    /// How long to let it ring.
    pub const fn ring_timeout(mut self, timeout: Duration) -> Self {
        self.ring_timeout = Some(timeout);
        self
    }

    /// The next provisional response; starts the call if need be. `None` when the call is decided: await this value
    /// for the outcome.
    pub async fn progress(&mut self) -> Option<Progress> {
        self.start();
        let Step::Calling(leg, _) = &self.step else { return None };
        leg.shared()
            .watch(leg.id, |entry| match entry.progress.pop_front() {
                Some(progress) => Some(Some(progress)),
                None => (entry.end.is_some() || entry.answered).then_some(None),
            })
            .await
            .flatten()
    }

    /// What can be heard before the answer: announcements, or the tone of the network. Starts the call if need be; `None`
    /// if it is decided already. It needs no provisional response: some systems send audio without one.
    pub fn early_audio(&mut self) -> Option<EarlyAudio> {
        self.start();
        let Step::Calling(leg, _) = &self.step else { return None };
        EarlyAudio::of(leg)
    }

    /// Holds the call from now on, or as soon as that can be: before the answer where both sides have agreed on the media
    /// already (UPDATE, RFC 3311), else right after it. Starts the call if need be. What comes of it, [`Call::is_held`]
    /// and the events of the call tell.
    pub fn hold(&mut self) -> Result<(), PeerError> {
        self.start();
        self.wish(true)
    }

    /// Takes [`hold`](Self::hold) back.
    pub fn resume(&mut self) -> Result<(), PeerError> {
        self.start();
        self.wish(false)
    }

    fn wish(&self, hold: bool) -> Result<(), PeerError> {
        match &self.step {
            Step::Calling(leg, session) => leg.wish(*session, hold),
            _ => Err(PeerError::WrongState { why: String::from("there is no call to hold") }),
        }
    }

    /// Gives the call up. Awaiting this value then tells [`PeerError::Cancelled`].
    pub fn cancel(&self) {
        if let Step::Calling(leg, session) = &self.step {
            let outcome = leg.shared().signalling(|side, now, _| side.core.hangup(now, *session));
            if let Err(error) = outcome {
                tracing::debug!(%session, %error, "nothing to cancel");
            }
        }
    }

    /// Names the session, once the call has begun.
    pub const fn id(&self) -> Option<SessionId> {
        match &self.step {
            Step::Calling(_, session) => Some(*session),
            _ => None,
        }
    }

    fn start(&mut self) {
        if matches!(self.step, Step::Idle) {
            self.step = match self.invite() {
                Ok((leg, session)) => Step::Calling(leg, session),
                Err(error) => Step::Failed(error),
            };
        }
    }

    fn invite(&self) -> Result<(Leg, SessionId), PeerError> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let stack = &self.stack;
        stack.shared.signalling(|side, now, _| {
            if side.stage != Stage::Running {
                return Err(PeerError::ShuttingDown);
            }
            let full = || PeerError::Full { why: String::from("too many calls at a time") };
            let id = side.entries.insert(Entry::outgoing()).ok_or_else(full)?;
            let mut params = InviteParams::new(&self.target);
            params.tag = id.tag();
            params.headers = &headers;
            params.ring_timeout = self.ring_timeout;
            params.late_offer = self.late_offer;
            params.identity = self.identity.as_params();
            let placed = side.core.invite(now, params).and_then(|session| {
                if self.parts.is_empty() {
                    return Ok(session);
                }
                // Nothing has been sent yet.
                let added = side.core.set_body_parts(now, session, &self.parts);
                added.inspect_err(|_| side.core.hangup(now, session).unwrap_or_default()).map(|()| session)
            });
            match placed {
                Ok(session) => {
                    if let Some(entry) = side.entries.get_mut(id) {
                        entry.session = Some(session);
                    }
                    Ok((Leg::new(Arc::clone(stack), id), session))
                }
                Err(error) => {
                    side.entries.remove(id);
                    Err(error.into())
                }
            }
        })
    }
}

impl Future for Dialing {
    type Output = Result<Call, PeerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.start();
        if let Step::Calling(leg, _) = &self.step {
            let outcome = leg.poll_answered(cx, &self.target);
            let Poll::Ready(outcome) = outcome else { return Poll::Pending };
            let Step::Calling(leg, session) = std::mem::replace(&mut self.step, Step::Done) else {
                return Poll::Pending;
            };
            return Poll::Ready(outcome.map(|media| Call::new(leg, session, media, self.target.clone())));
        }
        Poll::Ready(match std::mem::replace(&mut self.step, Step::Done) {
            Step::Failed(error) => Err(error),
            _ => Err(PeerError::WrongState { why: String::from("this call was awaited before") }),
        })
    }
}

impl std::fmt::Debug for Dialing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialing")
            .field("target", &self.target)
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
