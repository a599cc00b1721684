//! What is wanted of the world as long as something is seen: a connection, samples, the log, the
//! boots. Worked out from the state after each message; the world hears only of changes.

use super::paste;
use crate::app::effect::{
    CountTarget, Effect, OpenSession, SampleTarget, SessionKind, SessionTarget,
};
use crate::app::gutter::Clock;
use crate::app::metrics::Metrics;
use crate::app::reading::Reading;
use crate::app::state::{Console, Focus, Link, Page, State};
use crate::console::Size;
use crate::shim::protocol::Push;
use crate::vm::Phase;

/// Asks the world for what is now wanted and was not before, and to let go of the rest.
pub(super) fn reconcile(state: &mut State, effects: &mut Vec<Effect>) {
    session(state, effects);
    fit(state, effects);
    samples(state, effects);
    count(state, effects);
    log(state, effects);
    plan(state, effects);
    boots(state, effects);
}

fn wanted_session(state: &State) -> Option<SessionTarget> {
    let row = state.selected_row()?;
    // What is being read stays, whatever becomes of the VM.
    if let (
        Some(Reading {
            page: Page::Console,
            ..
        }),
        Some(target),
    ) = (&state.reading, &state.console.target)
        && target.name == row.vm.name
        && state.page == Page::Console
    {
        return Some(target.clone());
    }
    let is_live = row.vm.phase.is_live();
    let shim = row.vm.state.shim;
    let boot = row.vm.state.boot.as_ref().map_or(0, |boot| boot.id);
    let kind = match state.page {
        Page::Console if is_live => SessionKind::Console(shim),
        Page::Console => SessionKind::LastScreen(boot),
        Page::Boot | Page::Overview if row.is_booting() => SessionKind::Events(shim),
        _ => return None,
    };
    let name = row.vm.name.clone();
    Some(SessionTarget { name, kind })
}

fn session(state: &mut State, effects: &mut Vec<Effect>) {
    let size = state.regions().console();
    // Where it cannot be seen it costs nothing.
    let target = size.and_then(|_| wanted_session(state));
    if target == state.console.target {
        state.console.size = size;
    } else {
        let is_console = |target: &Option<SessionTarget>| {
            matches!(
                target,
                Some(SessionTarget {
                    kind: SessionKind::Console(_),
                    ..
                })
            )
        };
        let other_vm = state
            .console
            .target
            .as_ref()
            .is_some_and(|old| target.as_ref().is_none_or(|new| new.name != old.name));
        paste::over(state);
        let id = state.console.session + 1;
        state.console = Console {
            session: id,
            target: target.clone(),
            link: target.as_ref().map_or(Link::None, |_| Link::Connecting),
            size,
            left: state.console.left,
            boot: state
                .selected_row()
                .and_then(|row| row.vm.state.boot.as_ref())
                .map_or(0, |boot| boot.id),
            ..Console::default()
        };
        if other_vm || !is_console(&target) {
            state.focus = Focus::Dashboard;
        }
        let row = state.selected_row();
        let window = row.and_then(|row| row.vm.state.window);
        let guest = window.map_or(Size::DEFAULT, |window| {
            Size::new(window.rows, window.columns)
        });
        effects.push(Effect::Session(target.map(|target| OpenSession {
            id,
            target,
            size: guest,
        })));
    }
    if state.page != Page::Console {
        state.focus = Focus::Dashboard;
    }
}

/// A console that takes the keys of a guest whose size nobody chose gives it its own, where that
/// can be done without typing.
fn fit(state: &mut State, effects: &mut Vec<Effect>) {
    let console = &state.console;
    let has_keys = state.focus == Focus::Console && console.link == Link::Live;
    let wanted = console
        .size
        .filter(|_| has_keys)
        .map(|size| (console.session, size));
    if let Some((_, size)) = wanted.filter(|_| wanted != state.held.fit) {
        state.held.fit = wanted;
        effects.push(Effect::Fit(size, Push::FirstOnly));
    }
}

fn samples(state: &mut State, effects: &mut Vec<Effect>) {
    let height = usize::from(state.regions().list_rows().height);
    let seen = state.shown().skip(state.top).take(height);
    let targets: Vec<SampleTarget> = seen
        .chain(state.selected_row())
        .filter(|row| row.vm.phase.is_live())
        .filter_map(|row| {
            Some(SampleTarget {
                name: row.vm.name.clone(),
                process: row.vm.state.vmm?,
                vcpu_threads: row.vm.state.vcpu_threads.clone(),
                memory: row.vm.spec.as_ref().map(|spec| spec.mem_size_mib << 20),
            })
        })
        .fold(Vec::new(), |mut targets, target| {
            if !targets.contains(&target) {
                targets.push(target);
            }
            targets
        });
    if targets != state.held.samples {
        state.held.samples.clone_from(&targets);
        effects.push(Effect::Sample(targets));
    }
}

/// What is asked of the VMM costs it something: only while its page is seen.
fn count(state: &mut State, effects: &mut Vec<Effect>) {
    let is_seen = state.page == Page::Metrics && !state.regions().too_small;
    let row = state.selected_row().filter(|_| is_seen);
    let wanted = row.and_then(|row| {
        let vm = &row.vm.state;
        // One that is only starting has nothing to ask yet, and one that ends no time to answer.
        matches!(row.vm.phase, Phase::Running | Phase::Paused).then_some(())?;
        Some(CountTarget {
            name: row.vm.name.clone(),
            process: vm.vmm?,
            vcpu_threads: vm.vcpu_threads.clone(),
            shim: vm.shim,
        })
    });
    if wanted == state.held.count {
        return;
    }
    if let Some(CountTarget { name, process, .. }) = &wanted
        && state.metrics.of.as_ref() != Some(&(name.clone(), *process))
    {
        state.metrics = Metrics::of(name.clone(), *process);
    }
    state.held.count.clone_from(&wanted);
    effects.push(Effect::Count(wanted));
}

/// Before the first start the page of the spec shows what would be run; found out as it comes into
/// view, since the files that it names may have changed meanwhile.
fn plan(state: &mut State, effects: &mut Vec<Effect>) {
    let row = state.selected_row();
    let row = row.filter(|row| state.page == Page::Spec && row.vm.state.argv.is_empty());
    let wanted = row
        .filter(|row| row.vm.spec.is_some())
        .map(|row| row.vm.name.clone());
    if wanted != state.held.plan {
        effects.extend(wanted.clone().map(Effect::Plan));
        state.held.plan = wanted;
    }
}

fn log(state: &mut State, effects: &mut Vec<Effect>) {
    let wanted = state
        .selected
        .clone()
        .filter(|_| state.page == Page::Log && !state.regions().too_small);
    if wanted != state.held.log {
        state.held.log.clone_from(&wanted);
        effects.push(Effect::Follow(wanted));
    }
}

/// The boots are read when they come into view, and again when another boot came.
fn boots(state: &mut State, effects: &mut Vec<Effect>) {
    // The time of day is reckoned from when a boot began.
    let is_seen = match state.page {
        Page::Boot => true,
        Page::Log | Page::Console => state.clock == Clock::Wall,
        _ => false,
    };
    let Some(row) = state.selected_row().filter(|_| is_seen) else {
        return;
    };
    let boot = row.vm.state.boot.as_ref();
    let stamp = boot.map_or(0, |boot| boot.id * 8 + boot.result as u64);
    let wanted = Some((row.vm.name.clone(), stamp));
    if wanted != state.held.boots {
        effects.push(Effect::Boots(Box::new(row.vm.clone())));
        state.held.boots = wanted;
    }
}
