//! `doctor --fix`: runs the commands that mend what the checks found, each shown and asked for first.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

use serde::Serialize;

use super::output::note;
use crate::doctor::{self, Examination, Finding, Fix, Report, Status};
use crate::fault::{Code, Failure};
use crate::vm::Store;

/// One command that was run.
#[derive(Debug, Serialize)]
pub(super) struct Mended {
    /// The check that asked for it.
    name: String,
    /// What `sh -c` was given.
    command: String,
    /// What it returned; absent when a signal ended it.
    exit_code: Option<i32>,
}

/// What is to be mended, and how it is asked for.
#[derive(Debug)]
pub(super) struct Mending<'a> {
    /// Only these checks; none: all that a command mends.
    pub(super) only: &'a [String],
    /// Nothing is asked.
    pub(super) yes: bool,
    /// Standard output is for the answer alone.
    pub(super) json: bool,
}

impl Mending<'_> {
    /// Examines, mends, and examines again after each command: one often mends several.
    pub(super) fn run(&self, examination: &Examination) -> Result<(Report, Vec<Mended>), Failure> {
        let mut report = doctor::examine(examination, None);
        for name in self.only {
            check_name(&report, name)?;
        }
        let mut seen: Vec<String> = Vec::new();
        let mut mended = Vec::new();
        while let Some((finding, command)) = self.next(&report, &seen) {
            seen.push(finding.name.clone());
            show(finding, command);
            if !self.is_wanted()? {
                continue;
            }
            let exit_code = self.carry_out(command, &examination.store)?;
            let (name, command) = (finding.name.clone(), command.to_owned());
            let then = match &finding.fix {
                Some(Fix::Run { then, .. }) => then.clone(),
                _ => None,
            };
            report = doctor::examine(examination, None);
            tell(&report, &name, exit_code, then.as_deref());
            mended.push(Mended {
                name,
                command,
                exit_code,
            });
        }
        if seen.is_empty() {
            note("There is nothing that a command would mend.");
        }
        Ok((report, mended))
    }

    /// The first check that a command mends and that was not shown yet.
    fn next<'r>(&self, report: &'r Report, seen: &[String]) -> Option<(&'r Finding, &'r str)> {
        let is_meant =
            |name: &str| self.only.is_empty() || self.only.iter().any(|only| only == name);
        let mut checks = report.checks.iter();
        checks.find_map(|finding| {
            let command = finding.mending()?;
            (is_meant(&finding.name) && !seen.contains(&finding.name)).then_some((finding, command))
        })
    }

    fn is_wanted(&self) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        if !io::stdin().is_terminal() {
            let what =
                "`doctor --fix` asks before it runs a command, and there is no terminal to ask on";
            return Err(Failure::new(Code::Refused, what)
                .with_hint("run it on a terminal, or let it run them all with `--yes`"));
        }
        let mut stderr = io::stderr();
        let _ = write!(stderr, "   Run it? [y/N] ").and_then(|()| stderr.flush());
        let mut answer = String::new();
        let asked = io::stdin().read_line(&mut answer);
        asked.map_err(|error| {
            Failure::new(
                Code::RuntimeError,
                format!("could not read the answer: {error}"),
            )
        })?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// With our own terminal, so that sudo can ask for a password.
    fn carry_out(&self, command: &str, store: &Store) -> Result<Option<i32>, Failure> {
        let mut shell = Command::new(doctor::SHELL);
        shell.arg("-c").arg(command);
        shell.envs(doctor::mending_environment(store));
        if self.json {
            shell.stdout(Stdio::from(io::stderr()));
        }
        let status = shell.status().map_err(|error| {
            Failure::new(
                Code::RuntimeError,
                format!("could not run `{}`: {error}", doctor::SHELL),
            )
        })?;
        Ok(status.code())
    }
}

fn show(finding: &Finding, command: &str) {
    let sign = match finding.status {
        Status::Fail => "❌",
        _ => "⚠️ ",
    };
    note(&format!(
        "{sign} {}: {}\n   why: {}\n   command: {command}",
        doctor::title(&finding.name),
        finding.detail,
        finding.why
    ));
}

fn check_name(report: &Report, name: &str) -> Result<(), Failure> {
    let Some(finding) = report.checks.iter().find(|finding| finding.name == name) else {
        let what = format!("there is no check `{name}`");
        return Err(Failure::new(Code::InvalidInput, what)
            .with_hint("`smolvm-tui doctor --json` shows their names"));
    };
    let is_problem = matches!(finding.status, Status::Warn | Status::Fail);
    if !is_problem || finding.mending().is_some() {
        return Ok(());
    }
    let failure = Failure::new(Code::Refused, format!("no command mends `{name}`"));
    Err(match &finding.fix {
        Some(fix) => failure.with_hint(fix.to_string()),
        None => failure,
    })
}

/// What came of it, now that the checks ran again.
fn tell(report: &Report, name: &str, exit_code: Option<i32>, then: Option<&str>) {
    let ended = match exit_code {
        Some(0) => "The command ended well".to_owned(),
        Some(code) => format!("The command failed with exit code {code}"),
        None => "A signal ended the command".to_owned(),
    };
    let now = report.checks.iter().find(|finding| finding.name == name);
    let now = match now.map(|finding| (finding.status, &finding.detail)) {
        Some((Status::Warn | Status::Fail, detail)) => format!("it is still so: {detail}"),
        _ => "it is mended".to_owned(),
    };
    note(&format!("   {ended}; {now}"));
    if let (Some(0), Some(then)) = (exit_code, then) {
        note(&format!("   now {then}"));
    }
}
