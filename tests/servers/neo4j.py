"""A throw-away Neo4j Community server, from the jars that Maven fetches once into a cache.

python -m tests.servers.neo4j        fetches the jars (the only step that needs a network)
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import neo4j
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from tests.servers.program import Missing, Program

_POM = Path(__file__).with_name("neo4j.xml")
_OLDEST_JAVA = 17
_SETTINGS = """\
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{port}
server.bolt.advertised_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
dbms.security.auth_enabled=false
dbms.usage_report.enabled=false
server.memory.pagecache.size={page_cache}
# The stock 256 MiB of transaction logs would make an empty home take half a gigabyte.
db.tx_log.rotation.size=64m
db.tx_log.rotation.retention_policy=256m size
server.directories.logs={home}/logs
"""


_SCHEMA = (
    ("SHOW CONSTRAINTS YIELD name", "DROP CONSTRAINT"),
    ("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name", "DROP INDEX"),
)


class Neo4j(Program):
    name = "Neo4j"

    def __init__(
        self,
        *,
        heap: str = "768m",
        page_cache: str = "256m",
        brief: bool = True,
        more: str = "",
        home: Path | None = None,
    ) -> None:
        """Prepare a home, in `home` if that is given. `brief`: lives for minutes only, so compiling for speed would cost more than it gives. `more`: settings."""
        self._java, self._jars, self._heap, self._brief = java(), jars(), heap, brief
        super().__init__(Path(tempfile.mkdtemp(prefix="neo4j-", dir=home)))
        (self.home / "conf").mkdir()
        settings = _SETTINGS.format(port=self.port, home=self.home, page_cache=page_cache)
        self._settings = settings
        self.set(more)

    def set(self, more: str) -> None:
        """Put these lines of neo4j.conf in the place of the usual ones, from the next start on."""
        named = {line.partition("=")[0] for line in more.splitlines()}
        usual = self._settings.splitlines()
        kept = [line for line in usual if line.partition("=")[0] not in named]
        (self.home / "conf" / "neo4j.conf").write_text("\n".join([*kept, more, ""]))

    def command(self) -> Sequence[str]:
        return [
            *(self._java, f"-Xms{self._heap}", f"-Xmx{self._heap}", "-XX:+UseParallelGC"),
            *(["-XX:TieredStopAtLevel=1"] if self._brief else []),
            *("-XX:-OmitStackTraceInFastThrow", "-Dfile.encoding=UTF-8"),
            *(
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "--add-opens=java.base/java.io=ALL-UNNAMED",
            ),
            *(
                "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
                "-Djdk.nio.maxCachedBufferSize=1024",
            ),
            *("-cp", f"{self._jars}/*", "org.neo4j.server.CommunityEntryPoint"),
            *(f"--home-dir={self.home}", f"--config-dir={self.home / 'conf'}"),
        ]

    def url(self) -> str:
        return f"bolt://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        with neo4j.GraphDatabase.driver(self.url(), connection_timeout=5) as driver:
            try:
                # Its connector answers also when the database behind it did not start.
                with driver.session() as session:
                    session.run("RETURN 1").consume()
            except AuthError:
                return True  # it does answer
            except (DriverError, Neo4jError):
                return False
        return True

    def last_words(self) -> str:
        log = self.home / "logs" / "debug.log"
        said = log.read_text(errors="replace").splitlines() if log.exists() else []
        reasons = [line for line in said if " ERROR " in line or line.startswith("Caused by")]
        return "\n".join([super().last_words(), *reasons[-10:]])

    def run(self, cypher: str) -> None:
        """Run one statement, without trying again."""
        with (
            neo4j.GraphDatabase.driver(self.url(), connection_timeout=5) as driver,
            driver.session(database="neo4j") as session,
        ):
            session.run(cypher).consume()

    def wipe(self) -> None:
        """Delete all nodes, relationships, constraints and indexes."""
        with neo4j.GraphDatabase.driver(self.url()) as driver:
            for show, drop in _SCHEMA:
                for record in driver.execute_query(show).records:
                    driver.execute_query(f"{drop} `{record['name']}`")
            driver.execute_query("MATCH (n) DETACH DELETE n")


def java() -> str:
    """Return the Java to run. Raises Missing."""
    home = os.environ.get("JAVA_HOME")
    found = f"{home}/bin/java" if home else shutil.which("java")
    wanted = "Java 17 or 21 (Debian: apt install openjdk-17-jre-headless)"
    if not found or not Path(found).exists():
        raise Missing(wanted)
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise Missing(wanted)
    return found


def jars() -> Path:
    """Return the directory of the server's jars, fetched when they are not there yet. Raises Missing."""
    version = re.search(r"<neo4j.version>(.*)</neo4j.version>", _POM.read_text())
    assert version is not None
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "filrouge" / "neo4j"
    target = cache / version[1]
    if target.exists():
        return target
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing("Maven, to fetch Neo4j once (Debian: apt install maven)")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as draft:
        fetched = subprocess.run(
            [
                *(
                    maven,
                    "--quiet",
                    "--batch-mode",
                    "--file",
                    str(_POM),
                    "dependency:copy-dependencies",
                ),
                *("-DincludeScope=runtime", f"-DoutputDirectory={draft}/jars"),
            ],
            check=False,
        )
        if fetched.returncode:
            raise Missing(f"Neo4j {version[1]}: Maven could not fetch it")
        if not target.exists():  # who was first wins
            Path(draft, "jars").rename(target)
    return target


if __name__ == "__main__":
    java()
    sys.stdout.write(f"{jars()}\n")
