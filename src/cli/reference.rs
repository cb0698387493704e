//! The help of every command as Markdown.

use clap::Command;

/// The reference.
pub(crate) fn of(mut cli: Command) -> String {
    cli.build();
    let mut page = String::from(
        "# kubectl composio\n\nEvery command as its `--help` tells it. A test compares this page with the program.\n",
    );
    section(&mut page, "kubectl composio", cli.clone());
    let names: Vec<String> = cli
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        if let Some(command) = cli.find_subcommand(&name) {
            let own = without_global(command.clone());
            let nested: Vec<Command> = own.get_subcommands().cloned().collect();
            section(&mut page, &format!("kubectl composio {name}"), own);
            for command in nested.iter().filter(|one| one.get_name() != "help") {
                let title = format!("kubectl composio {name} {}", command.get_name());
                section(&mut page, &title, without_global(command.clone()));
            }
        }
    }
    page
}

/// Flags of every command stand in the first section.
fn without_global(command: Command) -> Command {
    command.mut_args(|flag| match flag.is_global_set() {
        true => flag.hide(true),
        false => flag,
    })
}

fn section(page: &mut String, title: &str, mut command: Command) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    page.push_str(&format!(
        "\n## {title}\n```text\n{}\n```\n",
        lines.join("\n")
    ));
}
