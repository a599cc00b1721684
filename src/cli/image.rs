//! `image ls`, `build`, `import` and `rm`.

use serde_json::{Value, json};

use super::args::{ImageBuildArgs, ImageCommand, ImageImportArgs, ImageRmArgs};
use super::context::Context;
use super::output::{self, Outcome, Reply, or_dash};
use super::stand_in;
use crate::fault::Failure;
use crate::guest::{BuildOptions, GuestError, Image, ImageStore};
use crate::vm::ImageRef;

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
    let listed = images.list();
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
        or_dash(known.and_then(|image| image.kernel_release.clone())),
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
        "has_rootfs": known.map(|image| image.rootfs.is_some()),
        "size_bytes": known.map(|image| image.size),
        "made_at": known.map(|image| image.made_at),
        "dir": known.map(|image| image.dir.display().to_string()),
        "error": image.err().map(ToString::to_string),
    })
}

fn made(image: &Image) -> Outcome {
    let reference = &image.reference;
    let text = format!("{}@{}\n", reference.name, reference.digest);
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
    made(&images.build(&options, &mut |step| output::note(&output::inert(step)))?)
}

fn import(images: &ImageStore, args: ImageImportArgs) -> Outcome {
    made(&stand_in::import_image(images, args)?)
}

fn rm(context: &Context, images: &ImageStore, args: &ImageRmArgs) -> Outcome {
    let mut in_use = Vec::new();
    for vm in context.fleet.store.list()? {
        in_use.extend(
            vm.spec
                .and_then(|spec| spec.image)
                .map(|image| (image, vm.name)),
        );
    }
    let mut removed = Vec::new();
    let mut failure: Option<Failure> = None;
    for image in &args.images {
        match stand_in::remove_image(images, image, &in_use) {
            Ok(references) => removed.extend(references),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let names: Vec<String> = removed
        .iter()
        .map(|image| format!("{}@{}", image.name, image.digest))
        .collect();
    let text: String = names
        .iter()
        .flat_map(|name| {
            [
                name,
                ": removed
",
            ]
        })
        .collect();
    let mut reply = Reply::new(text, json!({ "removed": names }))?;
    reply.failure = failure;
    Ok(reply)
}
