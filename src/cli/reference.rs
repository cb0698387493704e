//! The help of every command as Markdown.

use clap::Command;

/// The reference.
pub(crate) fn of(mut cli: Command) -> String {
    cli = cli.term_width(100);
    cli.build();
    let mut page = String::from(
        "# kubectl composio\n\nEvery command as its `--help` tells it. A test compares this page with the program.\n",
    );
    section(&mut page, "kubectl composio", &mut cli.clone());
    let names: Vec<String> = cli
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        if let Some(command) = cli.find_subcommand_mut(&name) {
            let command = command.clone().term_width(100);
            section(
                &mut page,
                &format!("kubectl composio {name}"),
                &mut command.clone(),
            );
        }
    }
    page
}

fn section(page: &mut String, title: &str, command: &mut Command) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    page.push_str(&format!(
        "\n## {title}\n```text\n{}\n```\n",
        lines.join("\n")
    ));
}
