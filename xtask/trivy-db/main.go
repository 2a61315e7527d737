// Trivy-db writes OSV records as a database of Trivy, so that Trivy can be asked about the same advisories as Gabion:
//
//	go run . [-records] DIR RECORDS...      writes DIR/db/trivy.db and DIR/db/metadata.json
//
// Trivy then runs with --cache-dir DIR --skip-db-update --offline-scan. RECORDS are files of JSON lines; - is what comes in.
//
//	bucket                     key        value
//	"debian 12" / PACKAGE      CVE        {"FixedVersion": "1.2-3"}; without one there is no fix
//	"alpine 3.19" / PACKAGE    CVE        the same
//	"alma 9" / PACKAGE         CVE        the same; a package of a module is "nodejs:18::npm"
//	"npm::Gabion" / PACKAGE    CVE        {"VulnerableVersions": [">=1.0.0, <1.2.3"], "PatchedVersions": ["1.2.3"]}
//	data-source                bucket     who says so
//	vulnerability              CVE        title and severity; Trivy drops what it has no entry for
//
// Trivy keeps one value for a package and a CVE: the ranges of several records add up; of the fixed versions of a
// distribution, the last one told stands. With -records the key is not the CVE but the record, GO-2021-0053, so that nothing is
// lost: a distribution's second row about a package is GO-2021-0053#2, and is judged by itself.
//
// A range from 0 has no lower bound here. As ">=0" it would leave out what comes before the release 0, pseudo-versions of Go
// among it, and OSV means every version.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

type record struct {
	ID        string
	Aliases   []string
	Upstream  []string
	Related   []string
	Summary   string
	Withdrawn string
	Affected  []struct {
		Package struct{ Ecosystem, Name string }
		Ranges  []struct {
			Type   string
			Events []map[string]string
		}
		Versions []string
	}
}

type source struct{ ID, Name, URL string }

// A value of Trivy's advisories.
type advisory struct {
	FixedVersion       string   `json:",omitempty"`
	Status             int      `json:",omitempty"`
	VulnerableVersions []string `json:",omitempty"`
	PatchedVersions    []string `json:",omitempty"`
}

const (
	schema = 2
	// Trivy's number for "affected, and no fix yet".
	statusAffected = 2
)

// How Trivy names the ecosystems of languages.
var languages = map[string]string{
	"npm": "npm", "PyPI": "pip", "Maven": "maven", "Go": "go", "crates.io": "cargo", "RubyGems": "rubygems",
	"Packagist": "composer", "NuGet": "nuget", "Bitnami": "bitnami",
}

// The ids under which Trivy keeps a record: those of the vulnerabilities, where it tells them.
func (r record) ids() []string {
	lists := [][]string{r.Upstream, {r.ID}, r.Aliases}
	if strings.HasPrefix(r.Affected[0].Package.Ecosystem, "AlmaLinux") {
		lists = append(lists, r.Related)
	}
	for _, list := range lists {
		var cves []string
		for _, id := range list {
			if strings.HasPrefix(id, "CVE-") {
				cves = append(cves, id)
			}
		}
		if len(cves) > 0 {
			return cves
		}
	}
	return []string{r.ID}
}

// The bucket of an ecosystem, and the advisory for one of its packages; none for what Trivy has no place for.
func (r record) row(i int) (string, source, *advisory) {
	affected := r.Affected[i]
	name, release, _ := strings.Cut(affected.Package.Ecosystem, ":")
	if bucket, ok := languages[name]; ok {
		osv := source{"osv", "Gabion", "https://osv.dev"}
		return bucket + "::" + osv.Name, osv, r.spans(i)
	}
	var of source
	switch name {
	case "Debian":
		of = source{"debian", "Debian Security Tracker", "https://security-tracker.debian.org"}
	case "Alpine":
		of = source{"alpine", "Alpine Secdb", "https://secdb.alpinelinux.org"}
		release = strings.TrimPrefix(release, "v")
	case "AlmaLinux":
		of = source{"alma", "AlmaLinux Product Errata", "https://errata.almalinux.org"}
	default:
		return "", of, nil
	}
	out := advisory{Status: statusAffected}
	for _, span := range affected.Ranges {
		for _, event := range span.Events {
			fixed, ok := event["fixed"]
			switch {
			case fixed == "0" || fixed == "<not-affected>":
				return "", of, nil
			// Debian writes "<end-of-life>" and the like where nothing is fixed.
			case ok && !strings.HasPrefix(fixed, "<"):
				out = advisory{FixedVersion: fixed}
			}
		}
	}
	return of.ID + " " + release, of, &out
}

func (r record) spans(i int) *advisory {
	var out advisory
	add := func(bounds ...string) {
		text := strings.Join(given(bounds), ", ")
		out.VulnerableVersions = append(out.VulnerableVersions, text)
	}
	for _, span := range r.Affected[i].Ranges {
		if span.Type == "GIT" {
			continue
		}
		open, from := false, ""
		for _, event := range span.Events {
			switch {
			case event["introduced"] != "":
				// What is vulnerable already is not so from a later version on.
				if open {
					continue
				}
				open, from = true, ">="+event["introduced"]
				if first := event["introduced"]; first == "0" || first == "0.0.0-0" {
					from = ""
				}
			case event["fixed"] != "":
				out.PatchedVersions = append(out.PatchedVersions, event["fixed"])
				if open {
					add(from, "<"+event["fixed"])
				}
				open = false
			case event["last_affected"] != "":
				if open {
					add(from, "<="+event["last_affected"])
				}
				open = false
			}
		}
		if open {
			add(from)
		}
	}
	for _, version := range r.Affected[i].Versions {
		add("=" + version)
	}
	if len(out.VulnerableVersions) == 0 {
		return nil
	}
	return &out
}

// Those that say something.
func given(bounds []string) []string {
	var out []string
	for _, bound := range bounds {
		if bound != "" {
			out = append(out, bound)
		}
	}
	return out
}

// The names by which Trivy looks for the package of a row.
func (r record) names(bucket string, i int) []string {
	name := r.Affected[i].Package.Name
	switch {
	case strings.HasPrefix(bucket, "pip::"):
		return []string{strings.ToLower(strings.ReplaceAll(name, "_", "-"))}
	case strings.HasPrefix(bucket, "alma ") && r.isModular(i):
		// AlmaLinux tells the streams in the title alone: "Moderate: virt:rhel and virt-devel:rhel security update".
		var names []string
		for _, word := range strings.Fields(r.Summary) {
			word = strings.Trim(word, ",.()")
			if module, stream, ok := strings.Cut(word, ":"); ok && module != "" && stream != "" {
				names = append(names, word+"::"+name)
			}
		}
		return names
	case strings.Contains(bucket, "::") && !strings.HasPrefix(bucket, "go::"):
		return []string{strings.ToLower(name)}
	}
	return []string{name}
}

// Whether a row is about what was built for a module.
func (r record) isModular(i int) bool {
	for _, span := range r.Affected[i].Ranges {
		for _, event := range span.Events {
			if strings.Contains(event["fixed"], ".module") {
				return true
			}
		}
	}
	return false
}

func put(tx *bolt.Tx, value any, path ...string) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	bucket, err := tx.CreateBucketIfNotExists([]byte(path[0]))
	for _, name := range path[1 : len(path)-1] {
		if err != nil {
			return err
		}
		bucket, err = bucket.CreateBucketIfNotExists([]byte(name))
	}
	if err != nil {
		return err
	}
	return bucket.Put([]byte(path[len(path)-1]), text)
}

// The path of a value in the database.
type place struct{ bucket, name, id string }

// What is written in the end.
type content struct {
	rows    map[place]*advisory
	titles  map[string]string
	sources map[string]source
	// Whether records are keys, not CVEs.
	records bool
}

func (c content) add(r record) {
	if r.Withdrawn != "" {
		return
	}
	for i := range r.Affected {
		bucket, of, row := r.row(i)
		if row == nil {
			continue
		}
		c.sources[bucket] = of
		ids := []string{r.ID}
		if !c.records {
			ids = r.ids()
		}
		for _, name := range r.names(bucket, i) {
			for _, id := range ids {
				if id != "" && name != "" {
					c.put(place{bucket, name, id}, r.Summary, row)
				}
			}
		}
	}
}

func (c content) put(at place, title string, row *advisory) {
	record := at.id
	for n := 2; c.records && len(row.VulnerableVersions) == 0 && c.rows[at] != nil; n++ {
		at.id = fmt.Sprintf("%s#%d", record, n)
	}
	c.titles[at.id] = title
	if before, ok := c.rows[at]; ok && len(row.VulnerableVersions) > 0 {
		before.VulnerableVersions = append(before.VulnerableVersions, row.VulnerableVersions...)
		before.PatchedVersions = append(before.PatchedVersions, row.PatchedVersions...)
		return
	}
	one := *row
	c.rows[at] = &one
}

func (c content) write(tx *bolt.Tx) error {
	var err error
	for bucket, of := range c.sources {
		err = errors.Join(err, put(tx, of, "data-source", bucket))
	}
	for id, title := range c.titles {
		err = errors.Join(err, put(tx, map[string]any{"Title": title, "Severity": "UNKNOWN"}, "vulnerability", id))
	}
	for at, row := range c.rows {
		err = errors.Join(err, put(tx, row, at.bucket, at.name, at.id))
	}
	return err
}

func read(path string, each func(record)) error {
	file := os.Stdin
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return err
		}
		defer file.Close()
	}
	decoder := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	for {
		var one record
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		each(one)
	}
}

func run(dir string, paths []string, byRecord bool) error {
	dir = filepath.Join(dir, "db")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := filepath.Join(dir, "trivy.db")
	if err := os.RemoveAll(name); err != nil {
		return err
	}
	db, err := bolt.Open(name, 0o644, nil)
	if err != nil {
		return err
	}
	records := 0
	all := content{map[place]*advisory{}, map[string]string{}, map[string]source{}, byRecord}
	for _, path := range paths {
		err = errors.Join(err, read(path, func(one record) {
			records++
			all.add(one)
		}))
	}
	if err == nil {
		err = db.Update(all.write)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	now := time.Now().UTC()
	metadata, err := json.Marshal(map[string]any{
		"Version": schema, "UpdatedAt": now, "DownloadedAt": now, "NextUpdate": now.Add(10 * 365 * 24 * time.Hour),
	})
	if err != nil {
		return err
	}
	fmt.Printf("%d records, %d rows\n", records, len(all.rows))
	return os.WriteFile(filepath.Join(dir, "metadata.json"), metadata, 0o644)
}

func main() {
	byRecord := flag.Bool("records", false, "keep each record apart, under its own id")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: trivy-db [-records] DIR RECORDS...")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), flag.Args()[1:], *byRecord); err != nil {
		fmt.Fprintln(os.Stderr, "trivy-db:", err)
		os.Exit(1)
	}
}
