"""The words by which deeds and parties are told apart, each a whole word or phrase, in capitals.

They follow what the IAAO Standard on Verification and Adjustment of Sales (2020), 5.4, calls generally invalid, Florida's
real property transfer codes 11 to 20 and 30 (Department of Revenue), and the Cook County Assessor's sales validation.
"""

from __future__ import annotations

from typing import Final

DEEDS: Final = (
    "QUIT CLAIM",
    "QUITCLAIM",
    "QUIT",
    "QCD",
    "QC",
    "TAX DEED",
    "SHERIFF",
    "SHERIFFS",
    "MARSHAL",
    "MARSHALS",
    "MASTER COMMISSIONER",
    "IN LIEU OF FORECLOSURE",
    "LIEU OF FORECLOSURE",
    "DEED IN LIEU",
    "FORECLOSURE",
    "CERTIFICATE OF TITLE",
    "EXECUTOR",
    "EXECUTORS",
    "ADMINISTRATOR",
    "ADMINISTRATORS",
    "PERSONAL REPRESENTATIVE",
    "PERSONAL REPRESENTATIVES",
    "GUARDIAN",
    "GUARDIANS",
    "CONSERVATOR",
    "CONSERVATORS",
    "BENEFICIARY",
    "TRANSFER ON DEATH",
    "CORRECTIVE",
    "CORRECTION",
    "GIFT",
    "DEED OF GIFT",
    "LIFE ESTATE",
    "PARTITION",
)
"""Names of deed types that transfer without a market, or with a doubtful title (IAAO 5.4.5 to 5.4.8)."""

COURT: Final = (
    "SHERIFF",
    "SHERIFFS",
    "JUDICIAL",
    "RECEIVER",
    "MASTER COMMISSIONER",
    "CLERK OF COURT",
    "CLERK OF COURTS",
    "CLERK OF THE COURT",
    "CIRCUIT COURT",
    "BANKRUPTCY TRUSTEE",
    "TRUSTEE IN BANKRUPTCY",
)
"""Forced sales resulting from a judicial order (IAAO 5.4.7)."""

GOVERNMENT: Final = (
    "UNITED STATES OF AMERICA",
    "UNITED STATES",
    "USA",
    "U S A",
    "STATE OF",
    "COMMONWEALTH OF",
    "COUNTY OF",
    "CITY OF",
    "TOWN OF",
    "TOWNSHIP OF",
    "VILLAGE OF",
    "BOROUGH OF",
    "BOARD OF COUNTY COMMISSIONERS",
    "BOARD OF COMMISSIONERS",
    "COUNTY COMMISSIONERS",
    "COUNTY TREASURER",
    "BOARD OF EDUCATION",
    "SCHOOL DISTRICT",
    "SCHOOL DIST",
    "PARK DISTRICT",
    "HOUSING AUTHORITY",
    "PORT AUTHORITY",
    "REDEVELOPMENT AUTHORITY",
    "LAND BANK",
    "LAND REUTILIZATION",
    "SECRETARY OF",
    "DEPARTMENT OF",
    "DEPT OF",
    "HUD",
    "VETERANS AFFAIRS",
    "FEDERAL HOUSING",
    "FEDERAL DEPOSIT INSURANCE",
    "FDIC",
    "FANNIE MAE",
    "FEDERAL NATIONAL MORTGAGE",
    "FREDDIE MAC",
    "FEDERAL HOME LOAN MORTGAGE",
)
"""Governments and their agencies (IAAO 5.4.1; Florida's code 18 counts FDIC, HUD, Fannie Mae and Freddie Mac here)."""

FINANCIAL: Final = (
    "BANK",
    "BANCORP",
    "BANKING",
    "CREDIT UNION",
    "MORTGAGE",
    "MORTGAGES",
    "MTG",
    "SAVINGS AND LOAN",
    "SAVINGS LOAN",
    "SAVINGS ASSOCIATION",
    "SAVINGS",
    "LENDING",
    "LENDERS",
    "LOANS",
    "HOME LOAN",
    "LOAN SERVICING",
    "LOAN ASSOCIATION",
    "NATIONAL ASSOCIATION",
    "FSB",
    "F S B",
)
"""Banks and lenders as buyer or seller (IAAO 5.4.3 and 5.4.4). Loan is a given name, and trust companies hold land for others."""

CHARITABLE: Final = (
    "CHURCH OF",
    "CHRIST CHURCH",
    "BAPTIST CHURCH",
    "CATHOLIC CHURCH",
    "LUTHERAN CHURCH",
    "METHODIST CHURCH",
    "PRESBYTERIAN CHURCH",
    "EPISCOPAL CHURCH",
    "APOSTOLIC CHURCH",
    "PENTECOSTAL CHURCH",
    "CHRISTIAN CHURCH",
    "COMMUNITY CHURCH",
    "BIBLE CHURCH",
    "MINISTRY",
    "MINISTRIES",
    "DIOCESE",
    "ARCHDIOCESE",
    "SYNAGOGUE",
    "CONGREGATION",
    "CHARITIES",
    "CHARITABLE",
    "FOUNDATION",
    "HABITAT FOR HUMANITY",
    "SALVATION ARMY",
    "UNIVERSITY",
    "COLLEGE",
)
"""Charitable, religious and educational institutions (IAAO 5.4.2). Charity is a given name, and Church a last one."""

ESTATE: Final = (
    "ESTATE OF",
    "EST OF",
    "THE ESTATE",
    "EXECUTOR",
    "EXECUTRIX",
    "ADMINISTRATOR",
    "ADMINISTRATRIX",
    "PERSONAL REPRESENTATIVE",
    "PERS REP",
    "DECEASED",
    "HEIRS OF",
    "GUARDIAN",
    "CONSERVATOR",
)
"""Sales that settle an estate, and those by guardians (IAAO 5.4.6; Florida's code 19)."""

COMPANY: Final = (
    "LLC",
    "L L C",
    "INC",
    "INCORPORATED",
    "CORP",
    "CORPORATION",
    "COMPANY",
    "LTD",
    "LIMITED",
    "LP",
    "L P",
    "LLP",
    "PARTNERS",
    "PARTNERSHIP",
    "PROPERTIES",
    "PROPERTY",
    "HOLDINGS",
    "HOLDING",
    "INVESTMENTS",
    "INVESTMENT",
    "INVESTORS",
    "VENTURES",
    "VENTURE",
    "REALTY",
    "REAL ESTATE",
    "RENTALS",
    "DEVELOPMENT",
    "DEVELOPERS",
    "BUILDERS",
    "HOMES",
    "CONSTRUCTION",
    "ENTERPRISES",
    "GROUP",
    "ASSOCIATES",
    "ASSOCIATION",
    "CAPITAL",
    "MANAGEMENT",
    "SOLUTIONS",
    "RENOVATIONS",
    "REMODELING",
)
TRUST: Final = (
    "TRUST",
    "TRUSTS",
    "TRUSTEE",
    "TRUSTEES",
    "REVOCABLE",
    "IRREVOCABLE",
    "LIVING",
    "FAMILY",
    "TESTAMENTARY",
    "REV",
    "DATED",
    "AS SUCCESSOR",
    "AS CO",
    "THE",
)
"""What is left out of a name before its last name is read: `SMITH FAMILY TRUST` is Smith's."""

TRUSTS: Final = ("TRUST", "TRUSTS", "TRUSTEE", "TRUSTEES")
"""A trust, or a trustee's name."""

NOBODY: Final = ("", "NONE", "NAN", "NULL", "N A", "UNKNOWN", "MISSING", "MISSING BUYER NAME", "MISSING SELLER NAME")
"""What stands where a name is not known."""

SUFFIXES: Final = ("JR", "SR", "II", "III", "IV", "ESQ", "MD", "ET AL", "ETAL", "ET UX", "ETUX", "ET VIR", "ETVIR")
"""What may follow a last name, and is none."""

_COMMON: Final = """
    JAMES JOHN ROBERT MICHAEL WILLIAM DAVID RICHARD CHARLES JOSEPH THOMAS CHRISTOPHER DANIEL PAUL MARK DONALD GEORGE
    KENNETH STEVEN EDWARD BRIAN RONALD ANTHONY KEVIN JASON MATTHEW GARY TIMOTHY JOSE LARRY JEFFREY FRANK SCOTT ERIC
    STEPHEN ANDREW RAYMOND GREGORY JOSHUA JERRY DENNIS WALTER PATRICK PETER HAROLD DOUGLAS HENRY CARL ARTHUR RYAN ROGER
    JOE JUAN JACK ALBERT JONATHAN JUSTIN TERRY GERALD KEITH SAMUEL WILLIE RALPH LAWRENCE NICHOLAS ROY BENJAMIN BRUCE
    BRANDON ADAM HARRY FRED WAYNE BILLY STEVE LOUIS JEREMY AARON RANDY HOWARD EUGENE CARLOS RUSSELL BOBBY VICTOR MARTIN
    MARY PATRICIA LINDA BARBARA ELIZABETH JENNIFER MARIA SUSAN MARGARET DOROTHY LISA NANCY KAREN BETTY HELEN SANDRA
    DONNA CAROL RUTH SHARON MICHELLE LAURA SARAH KIMBERLY DEBORAH JESSICA SHIRLEY CYNTHIA ANGELA MELISSA BRENDA AMY ANNA
    REBECCA VIRGINIA KATHLEEN PAMELA MARTHA DEBRA AMANDA STEPHANIE CAROLYN CHRISTINE MARIE JANET CATHERINE FRANCES ANN
    JOYCE DIANE ALICE JULIE HEATHER TERESA DORIS GLORIA EVELYN JEAN CHERYL MILDRED KATHERINE JOAN ASHLEY JUDITH ROSE
    JANICE KELLY NICOLE JUDY CHRISTINA KATHY THERESA BEVERLY DENISE TAMMY IRENE JANE LORI RACHEL MARILYN ANDREA KATHRYN
    LOUISE SARA ANNE JACQUELINE WANDA BONNIE JULIA RUBY LOIS TINA PHYLLIS NORMA PAULA DIANA ANNIE LILLIAN EMILY ROBIN
"""
GIVEN: Final = frozenset(_COMMON.split())
"""The commonest given names (U.S. Census Bureau, 1990 census, first names of men and women): no last name is read from one."""
