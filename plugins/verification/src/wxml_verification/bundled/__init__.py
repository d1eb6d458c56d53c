"""What `nox -s report_page` builds: the code of the report, the coastlines, and the licences of both."""
