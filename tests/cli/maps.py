"""A small map for tests, and the parts of it that tests change."""

from __future__ import annotations

from pathlib import Path

from cli.mapping.compile import compile_map
from cli.mapping.messages import MessageStream, Prepared, Rejected, survey
from cli.mapping.model import EventMap
from cli.mapping.rows import RowReader, load_partners
from engine.ruleset.source import Source

MAP = """\
tenant: bank
define: {large: 200.0}
source:
  columns:
    id: string
    account: string
    day: {type: date, formats: ["%Y-%m-%d"]}
    kind: string
    amount: double
    note: {optional: true}
vocabulary:
  row.kind: {in: [IN, VKLAD], out: [OUT, VYBER]}
joins:
  client:
    file: clients.csv
    columns: {account: string, id: string, role: string}
    key: {account: row.account}
    where: client.role == "OWNER"
shares: {lucky: row.id}
time:
  date: row.day
  key: row.id
  zone: Europe/Prague
  spreads: {event: "00:00-24:00", early: "06:00-06:01"}
user:
  id: ["client-{client.id}", "account-{row.account}"]
  known: has(client.id)
  zone: Europe/Prague
  tags: {high: row.amount >= 1000.0}
  bindings:
    - {channel: sms, value: "+420{client.id}"}
  opt_outs:
    - {channel: sms, when: client.id == "2"}
messages:
  - name: notice
    at: event
    line: accounts
    category: TRANSACTION
    params: {amount: "{row.amount}", kind: "{row.kind}", note: "{row.note}", words: "{row.kind}!"}
    content: {text: "{row.kind} {row.amount} {{CZK}} 100%"}
  - name: code
    when: row.kind == "out" && row.amount >= large
    at: event - 40s
    line: accounts
    category: ONE_TIME_PASSWORD
    content: {text: Your code is 1234}
"""

CLIENTS = "account,id,role\nA,1,OWNER\nA,9,DISPONENT\nB,2,OWNER\n"


def compiled(folder: Path, text: str = MAP) -> EventMap:
    """Compile a map in a folder that holds its clients."""
    (folder / "clients.csv").write_text(CLIENTS, encoding="utf-8")
    return compile_map(Source("map.yaml", text), folder)


def messages(folder: Path, rows: str, text: str = MAP) -> list[Prepared | Rejected]:
    """Map rows (without their header) to messages."""
    event_map = compiled(folder, text)
    file = folder / "rows.csv"
    file.write_text("id,account,day,kind,amount,note\n" + rows, encoding="utf-8")
    reader = RowReader(event_map, load_partners(event_map, {}))
    return list(MessageStream(event_map, reader, survey(event_map, file).in_order).read(file))
