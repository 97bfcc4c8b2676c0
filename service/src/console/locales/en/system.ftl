### Access, audit, system, help.

