"""One table of abbreviations: sentences.py asks it where a sentence may end, rules/abbreviations.py what is said."""

from typing import Literal, NamedTuple

# title: stands before a name, so it ends no sentence. phrase: stands before more words, so neither does it.
# number: means this only before a number, and ends no sentence there. date: means this everywhere, and ends no sentence
# before a number. end: may end a sentence, so that a capital after it begins the next.
Kind = Literal["title", "phrase", "number", "date", "end"]


class Abbreviation(NamedTuple):
    """What is said for it, and where it stands."""

    spoken: str
    kind: Kind


def _table(kind: Kind, pairs: str) -> dict[str, Abbreviation]:
    """Of 'written=spoken; written=spoken'."""
    return {
        written.strip(): Abbreviation(spoken.strip(), kind)
        for written, spoken in (pair.split("=") for pair in pairs.split(";"))
    }


ABBREVIATIONS: dict[str, Abbreviation] = {
    **_table(
        "title",
        "Mr.=Mister; Mrs.=Missus; Ms.=Miz; Messrs.=Messieurs; Prof.=Professor; Profs.=Professors; Gen.=General;"
        "Gov.=Governor; Sen.=Senator; Sens.=Senators; Rep.=Representative; Reps.=Representatives; Capt.=Captain;"
        "Cpt.=Captain; Lt.=Lieutenant; Col.=Colonel; Cmdr.=Commander; Maj.=Major; Sgt.=Sergeant; Cpl.=Corporal;"
        "Pvt.=Private; Adm.=Admiral; Rev.=Reverend; Hon.=Honorable; Pres.=President; Fr.=Father; Msgr.=Monsignor;"
        "Supt.=Superintendent; Atty.=Attorney; Insp.=Inspector; Amb.=Ambassador; Mt.=Mount; Mme.=Madame;"
        "Mlle.=Mademoiselle; Drs.=Doctors; Sts.=Saints",
    ),
    **_table(
        "phrase",
        "E.g.=For example; I.e.=That is; Cf.=Compare; Approx.=Approximately; e.g.=for example;"
        "i.e.=that is; cf.=compare; viz.=namely; vs.=versus; vs=versus; approx.=approximately;"
        "ca.=circa; incl.=including; excl.=excluding; esp.=especially; resp.=respectively; a.k.a.=also known as;"
        "Ph.=P H",
    ),
    **_table(
        "number",
        "b.=born; c.=circa; No.=number; no.=number; Nos.=numbers; nos.=numbers; p.=page; pp.=pages; Fig.=Figure;"
        "fig.=figure;"
        "Figs.=Figures; figs.=figures; Vol.=Volume; vol.=volume; Vols.=Volumes; vols.=volumes; Ch.=Chapter;"
        "ch.=chapter; Chap.=Chapter; chap.=chapter; Sec.=Section; Sect.=Section; sect.=section; Eq.=Equation;"
        "eq.=equation; Eqs.=Equations; Art.=Article; art.=article; Ref.=Reference; ref.=reference; Tab.=Table;"
        "para.=paragraph; Para.=Paragraph; ver.=version; Ver.=Version; v.=version; ext.=extension; Ext.=Extension;"
        "Mar.=March; Apr.=April; Jun.=June; Jul.=July; Sep.=September; Pt.=Part; pt.=part; Bk.=Book; l.=line;"
        "ll.=lines; n.=note; Op.=Opus; op.=opus; Ste.=Suite; Rm.=Room; max.=maximum; min.=minimum; avg.=average",
    ),
    **_table(
        "date",
        "Jan.=January; Feb.=February; Aug.=August; Sept.=September; Oct.=October; Nov.=November; Dec.=December;"
        "Mon.=Monday; Tues.=Tuesday; Tue.=Tuesday; Wed.=Wednesday; Thurs.=Thursday; Thur.=Thursday; Thu.=Thursday;"
        "Fri.=Friday; ft.=feet; in.=inches; lb.=pounds; lbs.=pounds; oz.=ounces; sq.=square; cu.=cubic",
    ),
    **_table(
        "end",
        "Jr.=Junior; Sr.=Senior; Inc.=Incorporated; Ltd.=Limited; Co.=Company; Corp.=Corporation; Bros.=Brothers;"
        "Dept.=Department; dept.=department; Univ.=University; Ave.=Avenue; Blvd.=Boulevard; Rd.=Road; Ln.=Lane;"
        "Hwy.=Highway; Pkwy.=Parkway; Expy.=Expressway; Apt.=Apartment; Bldg.=Building; Assn.=Association;"
        "etc.=et cetera;"
        "al.=al; est.=established; Est.=Established; Govt.=Government; govt.=government; Esq.=Esquire; a.m.=A.M.;"
        "p.m.=P.M.; Ph.D.=P.H.D.; ed.=edition; eds.=editors; misc.=miscellaneous; Tech.=Tech; Natl.=National;"
        "Intl.=International; Mfg.=Manufacturing; Cir.=Circle; Sq.=Square; Terr.=Terrace; yr.=year; yrs.=years;"
        "hr.=hour; hrs.=hours; mins.=minutes; secs.=seconds; wk.=week; wks.=weeks; mo.=month; mos.=months",
    ),
}
# A title where a name follows, else a place, which may end a sentence.
BY_POSITION = {"St.": ("Saint", "Street"), "Dr.": ("Doctor", "Drive"), "Ft.": ("Fort", "feet")}
# Titles that British writers leave without a stop; only before a name.
WITHOUT_STOP = {"Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Dr": "Doctor", "Prof": "Professor"}


def of_kind(*kinds: Kind) -> dict[str, str]:
    """Abbreviation -> what is said, of these kinds."""
    return {written: one.spoken for written, one in ABBREVIATIONS.items() if one.kind in kinds}


def kind_of(word: str) -> Kind | None:
    """Kind of a word whose full stop is cut off; None where it is no abbreviation."""
    if f"{word}." in BY_POSITION:
        return "title"
    found = ABBREVIATIONS.get(f"{word}.")
    return found.kind if found else None
