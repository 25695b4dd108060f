"""`python -m dmp_site.processes.start ARGUMENTS`: `manage.py ARGUMENTS` that watches its lifeline from the first moment.

Loading Django takes a while; a child whose supervisor dies meanwhile has to notice too.
"""

import runpy

from dmp_site.processes import lifeline

if __name__ == "__main__":
    lifeline.hold()
    runpy.run_module("django", run_name="__main__", alter_sys=True)
