"""The example agents, as they are shipped, with what the operator writes for them, against a Composio that has one tool.

Usage: agents.py PYTHON NODE_FOLDER. PYTHON has Composio's SDK, NODE_FOLDER its TypeScript client and agent.mjs. The last
line tells how many checks passed and failed.
"""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

from checks import check, end

python, node = sys.argv[1], pathlib.Path(sys.argv[2])
examples = pathlib.Path(__file__).parents[2] / "charts/composio-operator/examples"
AGENTS = {
    "agent.py": [python, str(examples / "agent.py")],
    "agent.mjs": ["node", str(node / "agent.mjs")],
}
TOOL = {
    "slug": "GMAIL_GET_PROFILE",
    "name": "Get profile",
    "description": "",
    "input_parameters": {"type": "object", "properties": {}},
    "output_parameters": {"type": "object", "properties": {}},
    "toolkit": {"slug": "gmail", "name": "gmail", "logo": ""},
    "version": "20260101_00",
    "available_versions": ["20260101_00"],
    "tags": [],
    "scopes": [],
    "no_auth": False,
    "is_deprecated": False,
    "deprecated": None,
    "status": "active",
}
ACTIVE = {
    "connectedAccountId": "ca_first",
    "state": "ACTIVE",
    "alias": "agents-support-gmail-ojk4mmcagnsudmlt",
    "user": "support@acme.example",
    "toolkit": "gmail",
}


class OneTool(http.server.BaseHTTPRequestHandler):
    """Says who was called, and takes note of each call."""

    calls = []

    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(TOOL)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "/tools/execute/GMAIL_GET_PROFILE" in self.path:
            self.calls.append((body.get("connected_account_id"), body.get("user_id"), self.headers["x-api-key"]))
            data = {"emailAddress": f"through {body.get('connected_account_id')}"}
            self.answer({"successful": True, "error": None, "data": data, "log_id": "log_1"})
        else:
            self.answer({})

    def log_message(self, *_):
        """The calls tell enough."""


def run(agent, values, url):
    """Runs an agent with these files mounted; returns its exit code, what it says, and the calls."""
    OneTool.calls.clear()
    with tempfile.TemporaryDirectory() as folder:
        for key, value in values.items():
            pathlib.Path(folder, key).write_text(value)
        # As the kubelet mounts it: beside the files is the folder that they are links into.
        pathlib.Path(folder, "..2026_01_01").mkdir()
        env = {
            **os.environ,
            "ACCOUNT": folder,
            "COMPOSIO_API_KEY": "sandbox",
            "COMPOSIO_BASE_URL": url,
            "COMPOSIO_DISABLE_TELEMETRY": "true",
            "HOME": folder,
        }
        ended = subprocess.run(AGENTS[agent], env=env, capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stdout + ended.stderr, list(OneTool.calls)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OneTool)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
without = {key: ACTIVE[key] for key in ("alias", "user", "toolkit")}
for agent in AGENTS:
    for account in ("ca_first", "ca_second"):
        code, said, calls = run(agent, {**ACTIVE, "connectedAccountId": account}, url)
        check(f"{agent} calls through {account}", calls == [(account, "support@acme.example", "sandbox")], calls)
        check(f"{agent} ends well", code == 0 and f"through {account}" in said, said)
    for values, word in [({**ACTIVE, "state": "EXPIRED"}, "EXPIRED"), (without, "there is none yet")]:
        code, said, calls = run(agent, values, url)
        check(f"{agent} does not call: {word}", calls == [], calls)
        check(f"{agent} says why: {word}", code == 1 and word in said, said)
server.shutdown()
end()
