"""The tests of NIST's Public Key Interoperability Test Suite (PKITS 1.0.1), as a table of ours.

The certificates come from the PyPI package `cryptography_vectors`. A case is an end-entity certificate, the
inputs of RFC 5280 §6.1.1 and whether the path is valid; where PKITS gives none they are the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One PKITS test or subtest; `policies` are the numbers of the acceptable NIST test policies."""

    section: str
    leaf: str
    valid: bool
    policies: tuple[int, ...] | None = None
    explicit: bool = False
    no_mapping: bool = False
    no_any: bool = False

    @property
    def inputs(self) -> dict[str, Any]:
        """The policy inputs as `CertificatePolicy` names them."""
        acceptable = None
        if self.policies is not None:
            acceptable = frozenset(f"2.16.840.1.101.3.2.1.48.{number}" for number in self.policies)
        return {
            "acceptable_policies": acceptable,
            "require_explicit_policy": self.explicit,
            "inhibit_policy_mapping": self.no_mapping,
            "inhibit_any_policy": self.no_any,
        }


def _named(section: str, names: str) -> list[Case]:
    """Cases with default inputs; the names of the invalid ones begin so."""
    return [Case(section, name, not name.startswith("Invalid")) for name in names.split()]


PLAIN: list[Case] = [
    *_named(
        "4.1 Signature Verification",
        "ValidCertificatePathTest1 InvalidCASignatureTest2 InvalidEESignatureTest3 InvalidDSASignatureTest6",
    ),
    *_named(
        "4.2 Validity Periods",
        "InvalidCAnotBeforeDateTest1 InvalidEEnotBeforeDateTest2 Validpre2000UTCnotBeforeDateTest3 "
        "ValidGeneralizedTimenotBeforeDateTest4 InvalidCAnotAfterDateTest5 InvalidEEnotAfterDateTest6 "
        "Invalidpre2000UTCEEnotAfterDateTest7 ValidGeneralizedTimenotAfterDateTest8",
    ),
    *_named(
        "4.3 Verifying Name Chaining",
        "InvalidNameChainingTest1 InvalidNameChainingOrderTest2 ValidNameChainingWhitespaceTest3 "
        "ValidNameChainingWhitespaceTest4 ValidNameChainingCapitalizationTest5 ValidNameUIDsTest6 "
        "ValidRFC3280MandatoryAttributeTypesTest7 ValidRFC3280OptionalAttributeTypesTest8 "
        "ValidUTF8StringEncodedNamesTest9 ValidRolloverfromPrintableStringtoUTF8StringTest10 "
        "ValidUTF8StringCaseInsensitiveMatchTest11",
    ),
    *_named(
        "4.4 Basic Certificate Revocation Tests",
        "ValidTwoCRLsTest7 ValidGeneralizedTimeCRLnextUpdateTest13 ValidNegativeSerialNumberTest14 "
        "ValidLongSerialNumberTest16 ValidLongSerialNumberTest17 ValidSeparateCertificateandCRLKeysTest19",
    ),
    *_named(
        "4.5 Verifying Paths with Self-Issued Certificates",
        "ValidBasicSelfIssuedOldWithNewTest1 ValidBasicSelfIssuedNewWithOldTest3 "
        "ValidBasicSelfIssuedNewWithOldTest4 ValidBasicSelfIssuedCRLSigningKeyTest6 "
        "InvalidBasicSelfIssuedCRLSigningKeyTest8",
    ),
    *_named(
        "4.6 Verifying Basic Constraints",
        "InvalidMissingbasicConstraintsTest1 InvalidcAFalseTest2 InvalidcAFalseTest3 "
        "ValidbasicConstraintsNotCriticalTest4 InvalidpathLenConstraintTest5 InvalidpathLenConstraintTest6 "
        "ValidpathLenConstraintTest7 ValidpathLenConstraintTest8 InvalidpathLenConstraintTest9 "
        "InvalidpathLenConstraintTest10 InvalidpathLenConstraintTest11 InvalidpathLenConstraintTest12 "
        "ValidpathLenConstraintTest13 ValidpathLenConstraintTest14 ValidSelfIssuedpathLenConstraintTest15 "
        "InvalidSelfIssuedpathLenConstraintTest16 ValidSelfIssuedpathLenConstraintTest17",
    ),
    *_named(
        "4.7 Key Usage",
        "InvalidkeyUsageCriticalkeyCertSignFalseTest1 InvalidkeyUsageNotCriticalkeyCertSignFalseTest2 "
        "ValidkeyUsageNotCriticalTest3",
    ),
    *_named(
        "4.13 Name Constraints",
        "ValidDNnameConstraintsTest1 InvalidDNnameConstraintsTest2 InvalidDNnameConstraintsTest3 "
        "ValidDNnameConstraintsTest4 ValidDNnameConstraintsTest5 ValidDNnameConstraintsTest6 "
        "InvalidDNnameConstraintsTest7 InvalidDNnameConstraintsTest8 InvalidDNnameConstraintsTest9 "
        "InvalidDNnameConstraintsTest10 ValidDNnameConstraintsTest11 InvalidDNnameConstraintsTest12 "
        "InvalidDNnameConstraintsTest13 ValidDNnameConstraintsTest14 InvalidDNnameConstraintsTest15 "
        "InvalidDNnameConstraintsTest16 InvalidDNnameConstraintsTest17 ValidDNnameConstraintsTest18 "
        "ValidDNnameConstraintsTest19 InvalidDNnameConstraintsTest20 ValidRFC822nameConstraintsTest21 "
        "InvalidRFC822nameConstraintsTest22 ValidRFC822nameConstraintsTest23 "
        "InvalidRFC822nameConstraintsTest24 ValidRFC822nameConstraintsTest25 "
        "InvalidRFC822nameConstraintsTest26 ValidDNandRFC822nameConstraintsTest27 "
        "InvalidDNandRFC822nameConstraintsTest28 InvalidDNandRFC822nameConstraintsTest29 "
        "ValidDNSnameConstraintsTest30 InvalidDNSnameConstraintsTest31 ValidDNSnameConstraintsTest32 "
        "InvalidDNSnameConstraintsTest33 ValidURInameConstraintsTest34 InvalidURInameConstraintsTest35 "
        "ValidURInameConstraintsTest36 InvalidURInameConstraintsTest37 InvalidDNSnameConstraintsTest38",
    ),
    *_named(
        "4.14 Distribution Points",
        "ValiddistributionPointTest1 ValiddistributionPointTest4 ValiddistributionPointTest5 "
        "ValiddistributionPointTest7 ValidNoissuingDistributionPointTest10 ValidonlyContainsCACertsTest13 "
        "ValidonlySomeReasonsTest18 ValidonlySomeReasonsTest19 ValidIDPwithindirectCRLTest22 "
        "ValidIDPwithindirectCRLTest24 ValidIDPwithindirectCRLTest25 ValidcRLIssuerTest28 "
        "ValidcRLIssuerTest29 ValidcRLIssuerTest30 ValidcRLIssuerTest33",
    ),
    *_named(
        "4.15 Delta-CRLs",
        "ValiddeltaCRLTest2 ValiddeltaCRLTest5 ValiddeltaCRLTest7 ValiddeltaCRLTest8",
    ),
    *_named(
        "4.16 Private Certificate Extensions",
        "ValidUnknownNotCriticalCertificateExtensionTest1 InvalidUnknownCriticalCertificateExtensionTest2",
    ),
]

_POLICIES = "4.8 Certificate Policies"
_EXPLICIT = "4.9 Require Explicit Policy"
_MAPPINGS = "4.10 Policy Mappings"
_NO_MAPPING = "4.11 Inhibit Policy Mapping"
_NO_ANY = "4.12 Inhibit Any Policy"

POLICY: list[Case] = [
    Case(_POLICIES, "ValidCertificatePathTest1", True, explicit=True),
    Case(_POLICIES, "ValidCertificatePathTest1", True, (1,), explicit=True),
    Case(_POLICIES, "ValidCertificatePathTest1", False, (2,), explicit=True),
    Case(_POLICIES, "ValidCertificatePathTest1", True, (1, 2), explicit=True),
    Case(_POLICIES, "AllCertificatesNoPoliciesTest2", True),
    Case(_POLICIES, "AllCertificatesNoPoliciesTest2", False, explicit=True),
    Case(_POLICIES, "DifferentPoliciesTest3", True),
    Case(_POLICIES, "DifferentPoliciesTest3", False, explicit=True),
    Case(_POLICIES, "DifferentPoliciesTest3", False, (1, 2), explicit=True),
    Case(_POLICIES, "DifferentPoliciesTest4", False),
    Case(_POLICIES, "DifferentPoliciesTest5", False),
    Case(_POLICIES, "OverlappingPoliciesTest6", True),
    Case(_POLICIES, "OverlappingPoliciesTest6", True, (1,)),
    Case(_POLICIES, "OverlappingPoliciesTest6", False, (2,)),
    Case(_POLICIES, "DifferentPoliciesTest7", False),
    Case(_POLICIES, "DifferentPoliciesTest8", False),
    Case(_POLICIES, "DifferentPoliciesTest9", False),
    Case(_POLICIES, "AllCertificatesSamePoliciesTest10", True),
    Case(_POLICIES, "AllCertificatesSamePoliciesTest10", True, (1,)),
    Case(_POLICIES, "AllCertificatesSamePoliciesTest10", True, (2,)),
    Case(_POLICIES, "AllCertificatesanyPolicyTest11", True),
    Case(_POLICIES, "AllCertificatesanyPolicyTest11", True, (1,)),
    Case(_POLICIES, "DifferentPoliciesTest12", False),
    Case(_POLICIES, "AllCertificatesSamePoliciesTest13", True, (1,)),
    Case(_POLICIES, "AllCertificatesSamePoliciesTest13", True, (2,)),
    Case(_POLICIES, "AllCertificatesSamePoliciesTest13", True, (3,)),
    Case(_POLICIES, "AnyPolicyTest14", True, (1,)),
    Case(_POLICIES, "AnyPolicyTest14", False, (2,)),
    Case(_POLICIES, "UserNoticeQualifierTest15", True),
    Case(_POLICIES, "UserNoticeQualifierTest16", True),
    Case(_POLICIES, "UserNoticeQualifierTest17", True),
    Case(_POLICIES, "UserNoticeQualifierTest18", True, (1,)),
    Case(_POLICIES, "UserNoticeQualifierTest18", True, (2,)),
    Case(_POLICIES, "UserNoticeQualifierTest19", True),
    Case(_POLICIES, "CPSPointerQualifierTest20", True),
    Case(_POLICIES, "CPSPointerQualifierTest20", True, explicit=True),
    *_named(
        _EXPLICIT,
        "ValidrequireExplicitPolicyTest1 ValidrequireExplicitPolicyTest2 "
        "InvalidrequireExplicitPolicyTest3 ValidrequireExplicitPolicyTest4 "
        "InvalidrequireExplicitPolicyTest5 ValidSelfIssuedrequireExplicitPolicyTest6 "
        "InvalidSelfIssuedrequireExplicitPolicyTest7 InvalidSelfIssuedrequireExplicitPolicyTest8",
    ),
    Case(_MAPPINGS, "ValidPolicyMappingTest1", True, (1,)),
    Case(_MAPPINGS, "ValidPolicyMappingTest1", False, (2,)),
    Case(_MAPPINGS, "ValidPolicyMappingTest1", False, no_mapping=True),
    Case(_MAPPINGS, "InvalidPolicyMappingTest2", False),
    Case(_MAPPINGS, "InvalidPolicyMappingTest2", False, no_mapping=True),
    Case(_MAPPINGS, "ValidPolicyMappingTest3", False, (1,)),
    Case(_MAPPINGS, "ValidPolicyMappingTest3", True, (2,)),
    Case(_MAPPINGS, "InvalidPolicyMappingTest4", False),
    Case(_MAPPINGS, "ValidPolicyMappingTest5", True, (1,)),
    Case(_MAPPINGS, "ValidPolicyMappingTest5", False, (6,)),
    Case(_MAPPINGS, "ValidPolicyMappingTest6", True, (1,)),
    Case(_MAPPINGS, "ValidPolicyMappingTest6", False, (6,)),
    Case(_MAPPINGS, "InvalidMappingFromanyPolicyTest7", False),
    Case(_MAPPINGS, "InvalidMappingToanyPolicyTest8", False),
    Case(_MAPPINGS, "ValidPolicyMappingTest9", True),
    Case(_MAPPINGS, "InvalidPolicyMappingTest10", False),
    Case(_MAPPINGS, "ValidPolicyMappingTest11", True),
    Case(_MAPPINGS, "ValidPolicyMappingTest12", True, (1,)),
    Case(_MAPPINGS, "ValidPolicyMappingTest12", True, (2,)),
    Case(_MAPPINGS, "ValidPolicyMappingTest13", True),
    Case(_MAPPINGS, "ValidPolicyMappingTest14", True),
    *_named(
        _NO_MAPPING,
        "InvalidinhibitPolicyMappingTest1 ValidinhibitPolicyMappingTest2 InvalidinhibitPolicyMappingTest3 "
        "ValidinhibitPolicyMappingTest4 InvalidinhibitPolicyMappingTest5 InvalidinhibitPolicyMappingTest6 "
        "ValidSelfIssuedinhibitPolicyMappingTest7 InvalidSelfIssuedinhibitPolicyMappingTest8 "
        "InvalidSelfIssuedinhibitPolicyMappingTest9 InvalidSelfIssuedinhibitPolicyMappingTest10 "
        "InvalidSelfIssuedinhibitPolicyMappingTest11",
    ),
    *_named(_NO_ANY, "InvalidinhibitAnyPolicyTest1 ValidinhibitAnyPolicyTest2 inhibitAnyPolicyTest3"),
    Case(_NO_ANY, "inhibitAnyPolicyTest3", False, no_any=True),
    *_named(
        _NO_ANY,
        "InvalidinhibitAnyPolicyTest4 InvalidinhibitAnyPolicyTest5 InvalidinhibitAnyPolicyTest6 "
        "ValidSelfIssuedinhibitAnyPolicyTest7 InvalidSelfIssuedinhibitAnyPolicyTest8 "
        "ValidSelfIssuedinhibitAnyPolicyTest9 InvalidSelfIssuedinhibitAnyPolicyTest10",
    ),
]

CASES: list[Case] = [*PLAIN, *POLICY]

_REVOCATION = "the path is refused only because of a CRL, and revocation is not part of this verifier yet"
_DSA = "the path is valid only with DSA signatures, which RFC 9846 §4.3.3 forbids"

OUT_OF_SCOPE: dict[str, str] = {
    "ValidDSASignaturesTest4": _DSA,
    "ValidDSAParameterInheritanceTest5": _DSA,
    **dict.fromkeys(
        [
            # 4.4 Basic Certificate Revocation Tests
            "InvalidMissingCRLTest1",
            "InvalidRevokedCATest2",
            "InvalidRevokedEETest3",
            "InvalidBadCRLSignatureTest4",
            "InvalidBadCRLIssuerNameTest5",
            "InvalidWrongCRLTest6",
            "InvalidUnknownCRLEntryExtensionTest8",
            "InvalidUnknownCRLExtensionTest9",
            "InvalidUnknownCRLExtensionTest10",
            "InvalidOldCRLnextUpdateTest11",
            "Invalidpre2000CRLnextUpdateTest12",
            "InvalidNegativeSerialNumberTest15",
            "InvalidLongSerialNumberTest18",
            "InvalidSeparateCertificateandCRLKeysTest20",
            "InvalidSeparateCertificateandCRLKeysTest21",
            # 4.5 Verifying Paths with Self-Issued Certificates
            "InvalidBasicSelfIssuedOldWithNewTest2",
            "InvalidBasicSelfIssuedNewWithOldTest5",
            "InvalidBasicSelfIssuedCRLSigningKeyTest7",
            # 4.7 Key Usage
            "InvalidkeyUsageCriticalcRLSignFalseTest4",
            "InvalidkeyUsageNotCriticalcRLSignFalseTest5",
            # 4.14 Distribution Points
            "InvaliddistributionPointTest2",
            "InvaliddistributionPointTest3",
            "InvaliddistributionPointTest6",
            "InvaliddistributionPointTest8",
            "InvaliddistributionPointTest9",
            "InvalidonlyContainsUserCertsTest11",
            "InvalidonlyContainsCACertsTest12",
            "InvalidonlyContainsAttributeCertsTest14",
            "InvalidonlySomeReasonsTest15",
            "InvalidonlySomeReasonsTest16",
            "InvalidonlySomeReasonsTest17",
            "InvalidonlySomeReasonsTest20",
            "InvalidonlySomeReasonsTest21",
            "InvalidIDPwithindirectCRLTest23",
            "InvalidIDPwithindirectCRLTest26",
            "InvalidcRLIssuerTest27",
            "InvalidcRLIssuerTest31",
            "InvalidcRLIssuerTest32",
            "InvalidcRLIssuerTest34",
            "InvalidcRLIssuerTest35",
            # 4.15 Delta-CRLs
            "InvaliddeltaCRLIndicatorNoBaseTest1",
            "InvaliddeltaCRLTest3",
            "InvaliddeltaCRLTest4",
            "InvaliddeltaCRLTest6",
            "InvaliddeltaCRLTest9",
            "InvaliddeltaCRLTest10",
        ],
        _REVOCATION,
    ),
}
