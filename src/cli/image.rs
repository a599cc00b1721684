//! `image ls`, `build`, `import` and `rm`.

use serde_json::{Value, json};

use super::args::{ImageBuildArgs, ImageCommand, ImageImportArgs, ImageRmArgs};
use super::context::Context;
use super::output::{self, Outcome, Reply, or_dash};
use crate::fault::Failure;
use crate::guest::{BuildOptions, GuestError, Image, ImageStore, ImportSources};
use crate::vm::{ImageRef, Vm};

pub(super) fn run(context: &Context, command: ImageCommand) -> Outcome {
    let images = ImageStore::new(context.fleet.store.images_dir());
    match command {
        ImageCommand::Ls => ls(&images),
        ImageCommand::Build(args) => build(&images, args),
        ImageCommand::Import(args) => import(&images, args),
        ImageCommand::Rm(args) => rm(context, &images, &args),
    }
}

fn ls(images: &ImageStore) -> Outcome {
    let listed = images.list()?;
    let data: Vec<Value> = listed
        .iter()
        .map(|(reference, image)| json_of(reference, image.as_ref()))
        .collect();
    let text = if listed.is_empty() {
        "no images yet: make one with `smolvm-tui image build`\n".to_owned()
    } else {
        let rows: Vec<Vec<String>> = listed
            .iter()
            .map(|(reference, image)| row(reference, image.as_ref()))
            .collect();
        let head = [
            "NAME", "DIGEST", "ARCH", "KERNEL", "AGENT", "SIZE", "MADE", "NOTE",
        ];
        output::table(&head, &rows)
    };
    Reply::new(text, json!({ "images": data }))
}

fn row(reference: &ImageRef, image: Result<&Image, &GuestError>) -> Vec<String> {
    let known = image.ok();
    let digest: String = reference.digest.chars().take(12).collect();
    let agent = |image: &Image| if image.has_agent { "yes" } else { "no" };
    vec![
        reference.name.clone(),
        digest,
        or_dash(known.map(|image| image.arch)),
        or_dash(known.and_then(|image| image.kernel_release.as_deref().map(output::inert))),
        or_dash(known.map(agent)),
        or_dash(known.map(|image| format!("{} KiB", image.size.div_ceil(1024)))),
        or_dash(known.map(|image| image.made_at.strftime("%Y-%m-%d %H:%M:%SZ"))),
        image
            .err()
            .map(|error| output::inert(&error.to_string()))
            .unwrap_or_default(),
    ]
}

fn json_of(reference: &ImageRef, image: Result<&Image, &GuestError>) -> Value {
    let known = image.ok();
    json!({
        "name": reference.name,
        "digest": reference.digest,
        "arch": known.map(|image| image.arch),
        "kernel_release": known.and_then(|image| image.kernel_release.as_deref()),
        "has_agent": known.map(|image| image.has_agent),
        "agent_sha256": known.and_then(|image| image.agent_sha256.as_deref()),
        "has_rootfs": known.map(|image| image.rootfs.is_some()),
        "size_bytes": known.map(|image| image.size),
        "made_at": known.map(|image| image.made_at),
        "dir": known.map(|image| image.dir.display().to_string()),
        "error": image.err().map(ToString::to_string),
    })
}

fn made(image: &Image) -> Outcome {
    let reference = &image.reference;
    let text = format!("{}\n", full_name(reference));
    Reply::new(text, json!({ "image": json_of(reference, Ok(image)) }))
}

fn build(images: &ImageStore, args: ImageBuildArgs) -> Outcome {
    let options = BuildOptions {
        name: args.name,
        kernel: args.kernel,
        modules: args.modules,
        busybox: args.busybox,
        agent: args.agent,
        arch: args.arch,
    };
    made(&images.build(&options, &mut step)?)
}

fn import(images: &ImageStore, args: ImageImportArgs) -> Outcome {
    let sources = ImportSources {
        kernel: args.kernel,
        initrd: args.initrd,
        rootfs: args.rootfs,
        arch: args.arch,
    };
    made(&images.import(&args.name, &sources, &mut step)?)
}

/// Tells a step on stderr: making an image takes a while.
fn step(line: &str) {
    output::note(&output::inert(line));
}

fn rm(context: &Context, images: &ImageStore, args: &ImageRmArgs) -> Outcome {
    // An image is removed only when it is known who uses it.
    let vms = context.fleet.store.list()?;
    let users_of = |image: &ImageRef| {
        let uses = |vm: &Vm| {
            vm.spec
                .as_ref()
                .is_some_and(|spec| spec.image.as_ref() == Some(image))
        };
        vms.iter()
            .filter(|vm| uses(vm))
            .map(|vm| vm.name.to_string())
            .collect()
    };
    let mut removed = Vec::new();
    let mut failures = Vec::new();
    for image in &args.images {
        for reference in named(images, image)? {
            match images.remove(&reference, &users_of) {
                Ok(()) => removed.push(full_name(&reference)),
                Err(error) => failures.push(Failure::from(error)),
            }
        }
    }
    let text: String = removed
        .iter()
        .flat_map(|name| [name, ": removed\n"])
        .collect();
    let mut reply = Reply::new(text, json!({ "removed": removed }))?;
    let mut failures = failures.into_iter();
    if let Some(first) = failures.next() {
        let others: Vec<String> = failures.map(|failure| failure.message).collect();
        reply.failure = Some(match others.as_slice() {
            [] => first,
            others => first.with_details(others.join("\n")),
        });
    }
    Ok(reply)
}

/// The images that `NAME`, or `NAME@` and the beginning of a digest, stands for.
fn named(images: &ImageStore, text: &str) -> Result<Vec<ImageRef>, GuestError> {
    let (name, digest) = text.split_once('@').unwrap_or((text, ""));
    let mut references: Vec<ImageRef> = images.list()?.into_iter().map(|(of, _)| of).collect();
    references.retain(|of| of.name == name && of.digest.starts_with(digest));
    if references.is_empty() {
        return Err(GuestError::Unknown(text.to_owned()));
    }
    Ok(references)
}

fn full_name(reference: &ImageRef) -> String {
    format!("{}@{}", reference.name, reference.digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::tests::fleet;

    #[test]
    fn no_image_is_removed_where_it_is_not_known_who_uses_it() {
        let (_dir, fleet) = fleet();
        std::fs::write(fleet.store.vms_dir(), "no directory").unwrap();
        let images = ImageStore::new(fleet.store.images_dir());
        let context = Context {
            fleet,
            backend: None,
            json: false,
        };
        let args = ImageRmArgs {
            images: vec!["tiny".to_owned()],
        };
        let failure = rm(&context, &images, &args).unwrap_err();
        assert!(failure.message.contains("could not list"), "{failure}");
    }
}
