//! The report as text.

use super::*;

#[test]
fn the_text_of_a_sound_firecracker_host_begins_as_everybody_knows_it() {
    let host = FakeHost::sound().with(|host| {
        let path = "/usr/local/bin/firecracker".into();
        host.programs.insert("firecracker".to_owned(), Ok(path));
    });
    let text = to_text(&report(&host, Firecracker), None);
    let begin = "✅ Platform: linux\n\
                 ✅ Backend: firecracker\n\
                 ✅ KVM support: enabled\n\
                 ✅ Firecracker binary: /usr/local/bin/firecracker\n\
                 ✅ Network tools: ip, nft\n\
                 ✅ Sudo access: configured\n\
                 ✅ Firecracker version: 1.14.1\n";
    assert!(text.starts_with(begin), "{text}");
    let end = "✅ Result: ready\n   qemu, not judged: ready\n";
    assert!(text.ends_with(end), "{text}");
    let mut lines = text.lines().rev().skip(1);
    assert!(lines.all(|line| line.starts_with("✅ ")), "{text}");
}

#[test]
fn the_text_of_an_emulating_host_names_each_way_out_and_leaves_out_what_does_not_apply() {
    let host = FakeHost::sound()
        .without("firecracker ip nft sudo")
        .with(|host| host.kvm = kvm::Verdict::Absent);
    let mut examination = examination(Qemu);
    examination.backend.requested = "auto".to_owned();
    examination.backend.reason = "firecracker cannot run here: it is missing".to_owned();
    let text = to_text(&report_on(&host, &examination), None);
    let begin = "✅ Platform: linux\n\
                 ✅ Backend: qemu\n\
                 ⚠️  KVM support: there is no /dev/kvm\n   \
                    why: With it guests run at native speed, and Firecracker has nothing else.\n   \
                    fix: sudo modprobe kvm_intel\n\
                 ✅ Choice of backend: auto, firecracker cannot run here: it is missing\n";
    assert!(text.starts_with(begin), "{text}");
    assert!(!text.contains("Network tools"), "{text}");
    let end = "⚠️  Result: ready but emulated (2 warnings)\n   firecracker, not judged: not ready: \
               KVM support: there is no /dev/kvm; Firecracker binary: `firecracker` is not in PATH\n";
    assert!(text.ends_with(end), "{text}");
    examination.strict = true;
    let text = to_text(&report_on(&host, &examination), None);
    let line = "❌ Result: ready but emulated (2 warnings); strict: warnings count as failures\n";
    assert!(text.contains(line), "{text}");
    examination.strict = false;
    examination.all = true;
    let text = to_text(&report_on(&host, &examination), None);
    let end = "⚠️  QEMU: ready but emulated\n\
               ❌ Result: firecracker not ready, qemu ready but emulated (2 failures, 5 warnings)\n";
    assert!(text.ends_with(end), "{text}");
    assert!(
        text.contains("❌ Firecracker: not ready: KVM support: "),
        "{text}"
    );
}

#[test]
fn missing_network_tools_are_one_line_of_text() {
    let host = FakeHost::sound().without("nft");
    let text = to_text(&report(&host, Firecracker), None);
    let line = "⚠️  Network tools: nft: Not found\n   why: It lets a VM's packets out and published \
                ports in.\n   fix: sudo apt-get install -y nftables\n";
    assert!(text.contains(line), "{text}");
    assert_eq!(text.matches("Network tools").count(), 1);
    let text = to_text(&report(&host, Qemu), None);
    assert!(text.contains("✅ Network tools: ip\n"), "{text}");
}

#[test]
fn lines_are_broken_at_spaces_where_the_terminal_is_narrow_and_words_stay_whole() {
    let host = FakeHost::sound().with(|host| host.images.clear());
    let report = report(&host, Qemu);
    for width in [1, 30, 40, 80] {
        let text = to_text(&report, Some(width));
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&text), words(&to_text(&report, None)), "{width}");
        let longest_word = words(&text).iter().map(|word| word.chars().count()).max();
        let fits = usize::from(width).max(20).max(longest_word.unwrap() + 8);
        for line in text.lines() {
            assert!(line.chars().count() <= fits, "{width}: {line}");
        }
    }
    let text = to_text(&report, Some(30));
    assert!(
        text.contains("⚠️  Guest images: there is no\n      guest image yet\n"),
        "{text}"
    );
}

#[test]
fn what_a_terminal_would_obey_comes_out_nowhere_and_in_no_command() {
    let evil = "/tmp/\u{1b}]0;pwned\u{7}\n✅ Result: ready";
    let host = FakeHost::sound().with(|host| {
        host.programs.insert("ip".to_owned(), Ok(evil.into()));
        host.images = vec![(evil.to_owned(), Err(evil.to_owned()))];
        host.answer(SANDBOXED, &format!("{evil}\u{1b}[31m\ntcg\r\u{1b}c\n"));
    });
    let report = report(&host, Qemu);
    for text in [to_text(&report, None), to_bug_report(&report)] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\r']), "{text}");
        assert_eq!(text.matches("\n✅ Result: ready").count(), 0, "{text}");
    }
    for found in &report.checks {
        assert!(!format!("{}{}", found.detail, found.evidence).contains(char::is_control));
        let fix = found.fix.as_ref().map(Fix::to_string);
        assert!(
            !fix.unwrap_or_default().contains(char::is_control),
            "{found:?}"
        );
    }
    // A command that cannot be shown as it is would not be what the user assents to.
    assert_eq!(
        named(&report, "images").fix.as_ref().unwrap().command(),
        None
    );
}

#[test]
fn a_bug_report_has_the_evidence_and_neither_names_nor_home() {
    let privacy = Privacy {
        home: Some("/home/ann".to_owned()),
        user: Some("ann".to_owned()),
        host: Some("tower.example.org".to_owned()),
    };
    let host = FakeHost::sound().with(|host| {
        host.images
            .push(("big".to_owned(), Err("ann@tower is in channel".to_owned())));
        host.write("/proc/cpuinfo", "flags : fpu\n");
    });
    let report = privacy.shorten_report(report(&host, Qemu));
    let text = to_bug_report(&report);
    for word in ["/home/ann", "tower", "ann@"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(
        text.contains("`big` is damaged: USER@HOST is in channel"),
        "{text}"
    );
    assert!(
        text.contains("✅ run-directory: `~/.local/state/smolvm-tui/run`, mode 0700"),
        "{text}"
    );
    assert!(
        text.contains("   seen: looked at ~/.local/state/smolvm-tui/run ("),
        "{text}"
    );
    assert!(
        text.contains("➖ cpu-flags: neither vmx nor svm"),
        "what was skipped is told: {text}"
    );
    assert!(text.starts_with(concat!(
        "smolvm-tui ",
        env!("CARGO_PKG_VERSION"),
        " on Linux x86_64"
    )));
}

#[test]
fn root_and_short_names_are_no_secret() {
    let privacy = |user: &str, host: &str| Privacy {
        home: Some("/".to_owned()),
        user: Some(user.to_owned()),
        host: Some(host.to_owned()),
    };
    let text = "group=root, /usr/bin/ip on localhost, ip4";
    assert_eq!(privacy("root", "localhost").shorten(text), text);
    assert_eq!(privacy("ip", "h").shorten(text), text);
    assert_eq!(
        privacy("bin", "box-1").shorten("/usr/bin/x box-1"),
        "/usr/USER/x HOST"
    );
}
