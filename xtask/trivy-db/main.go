// Trivy-db writes OSV records as a database of Trivy, so that Trivy can be asked about the same advisories as Gabion:
//
//	go run . DIR RECORDS...      writes DIR/db/trivy.db and DIR/db/metadata.json
//
// Trivy then runs with --cache-dir DIR --skip-db-update --offline-scan. RECORDS are files of JSON lines; - is what comes in.
//
//	bucket                     key        value
//	"debian 12" / PACKAGE      CVE        {"FixedVersion": "1.2-3"}; without one there is no fix
//	"alpine 3.19" / PACKAGE    CVE        the same
//	"npm::Gabion" / PACKAGE    CVE        {"VulnerableVersions": [">=1.0.0, <1.2.3"], "PatchedVersions": ["1.2.3"]}
//	data-source                bucket     who says so
//	vulnerability              CVE        title and severity; Trivy drops what it has no entry for
//
// Trivy keeps one value for a package and a CVE: the ranges of several records add up; of the fixed versions of a
// distribution, the last one told stands.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
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
	"Packagist": "composer", "NuGet": "nuget",
}

// The ids under which Trivy keeps a record: those of the vulnerabilities, where it tells them.
func (r record) ids() []string {
	for _, list := range [][]string{r.Upstream, {r.ID}, r.Aliases} {
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
	default:
		return "", of, nil
	}
	out := advisory{Status: statusAffected}
	for _, span := range affected.Ranges {
		for _, event := range span.Events {
			if fixed, ok := event["fixed"]; ok {
				out = advisory{FixedVersion: fixed}
			}
		}
	}
	// Never affected.
	if out.FixedVersion == "0" {
		return "", of, nil
	}
	return of.ID + " " + release, of, &out
}

func (r record) spans(i int) *advisory {
	var out advisory
	for _, span := range r.Affected[i].Ranges {
		if span.Type == "GIT" {
			continue
		}
		from := ""
		for _, event := range span.Events {
			switch {
			case event["introduced"] != "":
				from = ">=" + event["introduced"]
			case event["fixed"] != "":
				out.VulnerableVersions = append(out.VulnerableVersions, from+", <"+event["fixed"])
				out.PatchedVersions = append(out.PatchedVersions, event["fixed"])
				from = ""
			case event["last_affected"] != "":
				out.VulnerableVersions = append(out.VulnerableVersions, from+", <="+event["last_affected"])
				from = ""
			}
		}
		if from != "" {
			out.VulnerableVersions = append(out.VulnerableVersions, from)
		}
	}
	for _, version := range r.Affected[i].Versions {
		out.VulnerableVersions = append(out.VulnerableVersions, "="+version)
	}
	if len(out.VulnerableVersions) == 0 {
		return nil
	}
	return &out
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
		name := r.Affected[i].Package.Name
		// As Trivy itself writes names.
		if strings.HasPrefix(bucket, "pip::") {
			name = strings.ReplaceAll(name, "_", "-")
		}
		if strings.Contains(bucket, "::") && !strings.HasPrefix(bucket, "go::") {
			name = strings.ToLower(name)
		}
		c.sources[bucket] = of
		for _, id := range r.ids() {
			if id == "" || name == "" {
				continue
			}
			c.titles[id] = r.Summary
			at := place{bucket, name, id}
			if before, ok := c.rows[at]; ok && len(row.VulnerableVersions) > 0 {
				before.VulnerableVersions = append(before.VulnerableVersions, row.VulnerableVersions...)
				before.PatchedVersions = append(before.PatchedVersions, row.PatchedVersions...)
				continue
			}
			one := *row
			c.rows[at] = &one
		}
	}
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

func run(dir string, paths []string) error {
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
	all := content{map[place]*advisory{}, map[string]string{}, map[string]source{}}
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
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: trivy-db DIR RECORDS...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "trivy-db:", err)
		os.Exit(1)
	}
}
