//! Agent.
fn main() {
    println!("hi {}", std::process::id());
    let h = std::thread::spawn(|| 3);
    println!("{:?}", h.join());
}
