"""The conformance kit on the scorecard."""

from wxml.testing import VerifierContract
from wxml_verification.scorecard import Scorecard


class TestScorecard(VerifierContract):
    plugin = Scorecard
    options = {"maps": 1}
