"""What a name that is not known was meant to be, for errors."""

from ..errors import QueryError

# MongoDB has them.
_OTHERS = (
    " $bucketAuto $changeStream $densify $facet $fill $geoNear $graphLookup $indexStats $lookup $merge $out $redact $replaceRoot"
    " $replaceWith $sample $search $setWindowFields $sortByCount $unionWith $accumulator $bottom $bottomN $firstN $function $lastN"
    " $maxN $mergeObjects $minN $percentile $median $stdDevSamp $top $topN $acos $allElementsTrue $anyElementTrue $arrayToObject"
    " $avg $bitAnd $bitOr $cmp $concatArrays $convert $dateAdd $dateDiff $dateFromString $dateToParts $dateToString $dayOfMonth"
    " $dayOfWeek $exp $filter $getField $hour $indexOfArray $isArray $isNumber $let $ln $log $map $minute $month $objectToArray $pow"
    " $range $reduce $regexMatch $reverseArray $rand $second $setUnion $slice $split $sqrt $strLenBytes $substrCP $sum $switch"
    " $toDate $toDouble $toInt $toString $trim $trunc $type $where $year $zip "
)


def distance(a, b):
    """Return how many letters must be changed, added, left out or swapped with the next one to make `b` of `a`."""
    before, row = None, list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        new = [i]
        for j in range(1, len(b) + 1):
            n = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (a[i - 1] != b[j - 1]))
            if before and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                n = min(n, before[j - 2] + 1)
            new.append(n)
        before, row = row, new
    return row[-1]


def unknown(name, known, what="operator"):
    """Raise `QueryError` for a name that is not in `known`: not supported, or unknown, with the nearest of them. `what`: it is."""
    if " %s " % name in _OTHERS:
        raise QueryError("%s: not supported" % name)
    low = name.lower()
    best = None
    least = 3 if len(name) > 4 else 2
    for other in known:
        n = distance(low, other.lower())
        if n < least:
            best, least = other, n
    raise QueryError("%s: unknown %s%s" % (name, what, "" if best is None else "; is %s meant?" % best))
