//! The search: from each world every step, near worlds first.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{BuildHasher as _, BuildHasherDefault};
use core::time::Duration;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;
use smallvec::SmallVec;

use super::parties::{HistoryId, Input, LetterId, Letters, Party};
use super::{Budget, Counterexample, Counts, Worlds, rules, story};
use crate::base::time::Instant;

/// No message lives longer than T4 (RFC 3261 section 17.1.1.1): what is forgotten after that may not come again.
const T4: Duration = Duration::from_secs(5);

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The user of this party takes the next act.
    Act(usize),
    /// A datagram arrives; the time is when it was sent.
    Deliver(LetterId, Instant),
    /// It arrives, and will once more.
    Double(LetterId, Instant),
    Lose(LetterId, Instant),
    /// The next timer of this party fires.
    Fire(usize),
}

/// All that the future of a world depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    now: Instant,
    parties: [HistoryId; 2],
    /// What is under way and since when, sorted.
    flying: SmallVec<[(LetterId, Instant); 4]>,
    left: Budget,
}

/// A world that was visited, and how one comes there.
struct Visit {
    world: World,
    from: u32,
    step: Step,
    depth: u32,
}

pub(super) struct Search<'a> {
    pub(super) worlds: &'a Worlds,
    letters: Letters,
    parties: [Party<'a>; 2],
    /// In the order of discovery: the worlds that one leads to stand together, and further back.
    visits: Vec<Visit>,
    index: HashTable<u32>,
    hasher: BuildHasherDefault<SipHasher13>,
    counts: Counts,
}

pub(super) fn explore(worlds: &Worlds) -> Result<Counts, Counterexample> {
    for (table, name) in worlds.tables.iter().zip(story::NAMES) {
        table.check().map_err(|error| Counterexample {
            what: format!("the table of the {name}: {error}"),
            steps: Vec::new(),
            ladder: String::new(),
        })?;
    }
    let mut letters = Letters::default();
    let parties = [Party::new(0, worlds, &mut letters), Party::new(1, worlds, &mut letters)];
    let (visits, index, counts) = (Vec::new(), HashTable::new(), Counts::default());
    let mut search =
        Search { worlds, letters, parties, visits, index, hasher: BuildHasherDefault::new(), counts };
    let outcome = search.run();
    let [caller, callee] = &search.parties;
    search.counts.histories = (caller.len() + callee.len()) as u64;
    search.counts.worlds = search.visits.len() as u64;
    // What goes over the wire may be wrong on a shorter way than what was found otherwise.

    let found = match (outcome, story::check_wire(&search)) {
        (Ok(()), Ok(())) => return Ok(search.counts),
        (Err(found), Ok(())) | (Ok(()), Err(found)) => found,
        (Err(left), Err(right)) => {
            if right.1 < left.1 {
                right
            } else {
                left
            }
        }
    };
    let (what, at) = found;
    let (steps, ladder) = story::tell(&search, at);
    Err(Counterexample { what, steps, ladder })
}

/// What is wrong, and in which visit.
pub(super) type Found = (String, u32);

impl<'a> Search<'a> {
    pub(super) const fn letters(&self) -> &Letters {
        &self.letters
    }

    pub(super) const fn parties(&self) -> &[Party<'a>; 2] {
        &self.parties
    }

    /// How many worlds have been visited.
    pub(super) fn len(&self) -> u32 {
        self.visits.len() as u32
    }

    /// The visit that a visit came from, by which step and when.
    pub(super) fn way(&self, visit: u32) -> Option<(u32, Step, Instant)> {
        let visit = self.visits.get(visit as usize).filter(|visit| visit.depth > 0)?;
        Some((visit.from, visit.step, visit.world.now))
    }

    /// The histories of the parties in a visit.
    pub(super) fn histories(&self, visit: u32) -> [HistoryId; 2] {
        self.visits.get(visit as usize).map_or([0, 0], |visit| visit.world.parties)
    }

    /// Whether nothing is left that could happen.
    pub(super) fn is_end(&self, visit: u32) -> bool {
        self.visits.get(visit as usize).is_some_and(|visit| self.steps(&visit.world).is_empty())
    }

    fn run(&mut self) -> Result<(), Found> {
        let first =
            World { now: Instant::ZERO, parties: [0, 0], flying: SmallVec::new(), left: self.worlds.budget };
        self.visit(first, 0, Step::Act(0), 0)?;
        let mut next = self.begin()?;
        while let Some(visit) = self.visits.get(next) {
            let (world, depth, at) = (visit.world.clone(), visit.depth, next as u32);
            let steps = self.steps(&world);
            if steps.is_empty() {
                self.counts.ends += 1;
                let [caller, callee] = self.both(&world);
                rules::at_the_end(caller, callee).map_err(|what| (what, at))?;
            }
            for step in steps {
                self.counts.steps += 1;
                let then = self.take(&world, step);
                self.visit(then, at, step, depth + 1)?;
            }
            next += 1;
        }
        Ok(())
    }

    /// Goes the only way there is at first; the place where it ends.
    fn begin(&mut self) -> Result<usize, Found> {
        let worlds = self.worlds;
        for &party in &worlds.first {
            self.go(Step::Act(party))?;
            self.deliver()?;
        }
        while !worlds.first.is_empty()
            && let Some(world) = self.visits.last().map(|visit| visit.world.clone())
            && self.both(&world).iter().all(|party| party.told.is_up())
            && let Some(step) = self.steps(&world).into_iter().find(|step| matches!(step, Step::Fire(_)))
        {
            self.go(step)?;
            self.deliver()?;
        }
        Ok(self.visits.len().saturating_sub(1))
    }

    /// Lets all arrive that is under way, and what comes of it.
    fn deliver(&mut self) -> Result<(), Found> {
        while let Some(&(letter, since)) = self.visits.last().and_then(|visit| visit.world.flying.first()) {
            self.go(Step::Deliver(letter, since))?;
        }
        Ok(())
    }

    fn go(&mut self, step: Step) -> Result<(), Found> {
        let Some(Visit { world, depth, .. }) = self.visits.last() else { return Ok(()) };
        let (world, depth, at) = (world.clone(), depth + 1, self.visits.len() as u32 - 1);
        self.counts.steps += 1;
        let then = self.take(&world, step);
        self.visit(then, at, step, depth)
    }

    fn both(&self, world: &World) -> [&super::parties::History; 2] {
        let [caller, callee] = &self.parties;
        let [left, right] = world.parties;
        [caller.get(left), callee.get(right)]
    }

    /// Notes a world, unless it is known.
    fn visit(&mut self, world: World, from: u32, step: Step, depth: u32) -> Result<(), Found> {
        let hash = self.hasher.hash_one(&world);
        let known = |&at: &u32| self.visits.get(at as usize).is_some_and(|visit| visit.world == world);
        if self.index.find(hash, known).is_some() {
            return Ok(());
        }
        let at = self.visits.len() as u32;
        let [caller, callee] = self.both(&world);
        let verdict = rules::always(caller, callee);
        self.visits.push(Visit { world, from, step, depth });
        self.counts.depth = self.counts.depth.max(depth);
        let (visits, hasher) = (&self.visits, &self.hasher);
        let hash_of = |&at: &u32| visits.get(at as usize).map_or(0, |visit| hasher.hash_one(&visit.world));
        self.index.insert_unique(hash, at, hash_of);
        verdict.map_err(|what| (what, at))?;
        if u64::from(at) >= self.worlds.worlds_max {
            return Err((format!("there are more than {} worlds", self.worlds.worlds_max), at));
        }
        Ok(())
    }

    /// All that can happen next.
    fn steps(&self, world: &World) -> SmallVec<[Step; 16]> {
        let mut steps = SmallVec::new();
        let both = self.both(world);
        steps.extend(
            both.iter().enumerate().filter(|(_, party)| party.act.is_some()).map(|(n, _)| Step::Act(n)),
        );
        for (place, &(letter, since)) in world.flying.iter().enumerate() {
            // Of equal datagrams one stands for all.
            if place > 0 && world.flying.get(place - 1) == Some(&(letter, since)) {
                continue;
            }
            steps.push(Step::Deliver(letter, since));
            if world.left.duplicates > 0 {
                steps.push(Step::Double(letter, since));
            }
            if world.left.losses > 0 {
                steps.push(Step::Lose(letter, since));
            }
        }
        let Some(first) = both.iter().filter_map(|party| party.timeout).min() else { return steps };
        let old = |&(_, since): &(LetterId, Instant)| first.saturating_since(since) >= T4;
        let may_be_late = world.left.late > 0 && !world.flying.iter().any(old);
        if world.flying.is_empty() || first <= world.now || may_be_late {
            let due = both.iter().enumerate().filter(|(_, party)| party.timeout == Some(first));
            steps.extend(due.map(|(n, _)| Step::Fire(n)));
        }
        steps
    }

    fn take(&mut self, world: &World, step: Step) -> World {
        let mut then = world.clone();
        let mut remove = |letter: (LetterId, Instant)| {
            if let Ok(place) = then.flying.binary_search(&letter) {
                then.flying.remove(place);
            }
        };
        match step {
            Step::Act(party) => self.input(&mut then, party, Input::Act),
            Step::Lose(letter, since) => {
                remove((letter, since));
                then.left.losses -= 1;
            }
            Step::Deliver(letter, since) => {
                remove((letter, since));
                let (to, _) = self.letters.get(letter);
                self.input(&mut then, to, Input::Letter(letter));
            }
            Step::Double(letter, _) => {
                then.left.duplicates -= 1;
                let (to, _) = self.letters.get(letter);
                self.input(&mut then, to, Input::Letter(letter));
            }
            Step::Fire(party) => {
                let [caller, callee] = self.both(world);
                let at = if party == 0 { caller.timeout } else { callee.timeout };
                let at = at.unwrap_or(world.now).max(world.now);
                if at > world.now && !world.flying.is_empty() {
                    then.left.late -= 1;
                }
                then.now = at;
                self.input(&mut then, party, Input::Timeout);
            }
        }
        then
    }

    fn input(&mut self, world: &mut World, party: usize, input: Input) {
        let (Some(machine), Some(history)) = (self.parties.get_mut(party), world.parties.get_mut(party))
        else {
            return;
        };
        *history = machine.next(*history, world.now, input, &mut self.letters);
        for &letter in &machine.get(*history).sent {
            let letter = (letter, world.now);
            let (Ok(place) | Err(place)) = world.flying.binary_search(&letter);
            world.flying.insert(place, letter);
        }
    }
}
