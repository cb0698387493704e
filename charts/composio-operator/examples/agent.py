"""An agent that calls a tool through the account that a ConfigMap names (spec.writeTo of a ConnectedAccount).

It needs Composio's SDK (pip install composio), an API key in COMPOSIO_API_KEY, and the ConfigMap mounted at $ACCOUNT.
"""

import os
import pathlib
import sys

from composio import Composio


def account():
    """What the operator has written, read anew each time: the id may change while the agent runs."""
    folder = pathlib.Path(os.environ.get("ACCOUNT", "/var/run/account"))
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


def main():
    found = account()
    if found.get("state") != "ACTIVE":
        sys.exit(f"the account of {found.get('user')} cannot be used now: {found.get('state', 'there is none yet')}")
    result = Composio(base_url=os.environ.get("COMPOSIO_BASE_URL")).tools.execute(
        "GMAIL_GET_PROFILE",
        arguments={},
        connected_account_id=found["connectedAccountId"],
        user_id=found["user"],
        # An agent in production names the version of the toolkit that it was tested with.
        dangerously_skip_version_check=True,
    )
    if not result["successful"]:
        sys.exit(f"the tool failed: {result['error']}")
    print(result["data"])


main()
