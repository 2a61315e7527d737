// Made by `npm run types` from crates/hub/openapi.json: not to be changed by hand.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description A vulnerability, wherever it is. */
        Advisory: {
            /**
             * Format: double
             * @description How likely it is to be exploited within 30 days.
             */
            epss?: number;
            /** @description It is known to be exploited. */
            exploited: boolean;
            /** @description When it was seen first. */
            first_seen: components["schemas"]["i64"];
            /** @description There is a version that mends it. */
            fixable: boolean;
            /**
             * Format: int32
             * @description The highest priority that it has anywhere.
             */
            priority: number;
            /**
             * Format: int64
             * @description Images by name that have it.
             */
            repositories: number;
            /** @description `CVE-2024-3094`. */
            rule: string;
            /**
             * Format: int64
             * @description Containers that run it.
             */
            running: number;
            /** @description The worst that anybody says. */
            severity: components["schemas"]["Severity"];
            /** @description What it is, in a line. */
            title: string;
        };
        /** @description A vulnerability with all places. */
        AdvisoryDetail: components["schemas"]["Advisory"] & {
            /** @description Findings of it. */
            findings: components["schemas"]["Finding"][];
            /** @description Workloads that run it. */
            workloads: string[];
        };
        /** @description An image that has a finding, or had it. */
        AffectedImage: {
            /** @description It has it. */
            affected: boolean;
            /** @description When it was seen first. */
            first_seen: components["schemas"]["i64"];
            /** @description Its id. */
            id: string;
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description Containers that run it.
             */
            running: number;
        };
        /** @description How old what is open is beside its deadlines. */
        Ageing: {
            /**
             * Format: int64
             * @description Later.
             */
            later: number;
            /** @description When the oldest was seen first. */
            oldest: components["schemas"]["i64"];
            /**
             * Format: int64
             * @description Past their day.
             */
            overdue: number;
            /** @description How severe. */
            severity: components["schemas"]["Severity"];
            /**
             * Format: int64
             * @description To be mended within seven days.
             */
            soon: number;
            /**
             * Format: int64
             * @description Without a day.
             */
            undated: number;
        };
        /** @description A rule matched; equal ones are one with a count. */
        Alert: {
            /** @description The container, by name; absent on the host. */
            container?: string;
            /**
             * Format: int64
             * @description How often.
             */
            count: number;
            /** @description Fields of the last one. */
            fields: {
                [key: string]: string;
            };
            /** @description When it came first. */
            first: components["schemas"]["i64"];
            /** @description Its id. */
            id: string;
            /** @description The incident that it belongs to. */
            incident?: string;
            /** @description When it came last. */
            last: components["schemas"]["i64"];
            /** @description What the last one says. */
            message: string;
            /** @description The node. */
            node: string;
            /** @description How bad it is, in Falco's words. */
            priority: string;
            /** @description The rule. */
            rule: string;
            /** @description The same in ours. */
            severity: components["schemas"]["Severity"];
            /** @description What has become of it. */
            state: components["schemas"]["AlertState"];
            /** @description Techniques of ATT&CK. */
            techniques: string[];
            /** @description Its workload. */
            workload?: string;
        };
        /** @description What is to become of alerts. */
        AlertChange: {
            /** @description Which. */
            ids: string[];
            /** @description What they become. */
            state: components["schemas"]["AlertState"];
        };
        /**
         * @description What has become of an alert.
         * @enum {string}
         */
        AlertState: "new" | "seen" | "suppressed";
        /** @description Who has said that two are two. */
        Apart: {
            /** @description When. */
            at: components["schemas"]["i64"];
            /** @description Who. */
            by: string;
            /** @description Why. */
            reason: string;
        };
        /** @description What is approved. */
        Approval: {
            /** @description Only what has this in it; absent: all that waits. */
            only?: string;
        };
        /** @description How far one aspect was looked at. */
        AspectCoverage: {
            /** @description `packages.os`, `secrets`, `vulnerabilities`, ... */
            aspect: string;
            /** @description Why not all of it. */
            reasons: string[];
            /** @description How far. */
            state: components["schemas"]["CoverageState"];
        };
        /** @description What was seen of ATT&CK. */
        Attack: {
            /**
             * Format: int64
             * @description Alerts that no technique names.
             */
            others: number;
            /** @description Tactics, in the order of an attack. */
            tactics: components["schemas"]["Tactic"][];
        };
        /** @description Something that somebody did. */
        AuditEntry: {
            /** @description What: `exception.create`, `session.denied`, ... */
            action: string;
            /** @description Who. */
            by: string;
            /** @description More of it. */
            detail: string;
            /** @description From where. */
            from: string;
            /** @description Its number. */
            id: string;
            /** @description To what. */
            target: string;
            /** @description When. */
            time: components["schemas"]["i64"];
        };
        /** @description What a workload always does. */
        Baseline: {
            /** @description Its id: node and name. */
            id: string;
            /** @description The image. */
            image: string;
            /**
             * Format: int64
             * @description How many things are in it.
             */
            items: number;
            /** @description The node. */
            node: string;
            /** @description The version of a configuration that has brought it; absent: it was learnt there. */
            rolled_out?: string;
            /** @description Since when it is learnt. */
            since: components["schemas"]["i64"];
            /** @description Whether it is known. */
            state: components["schemas"]["BaselineState"];
            /**
             * Format: int64
             * @description How many wait to be looked at.
             */
            waiting: number;
            /** @description The workload. */
            workload: string;
        };
        /** @description A baseline with what is in it. */
        BaselineDetail: components["schemas"]["Baseline"] & {
            /** @description By kind (`programs`, `listens`, `peers`, `writes`, `capabilities`): what, and whether it waits to be looked at. */
            contents: {
                [key: string]: [
                    string,
                    boolean
                ][];
            };
            /** @description What belongs to it as a line of JSON, as configurations take it. */
            exported: string;
        };
        /**
         * @description Whether a baseline is known.
         * @enum {string}
         */
        BaselineState: "learning" | "proposed" | "locked";
        /** @description Something that we cannot see. */
        Blind: {
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /** @description What to do about it. */
            fix: string;
            /** @description The page that tells more. */
            link: string;
            /** @description What, in a line. */
            what: string;
        };
        /** @description A bar of the histogram. */
        Bucket: {
            /**
             * Format: int64
             * @description Events in it.
             */
            count: number;
            /** @description Its beginning. */
            time: components["schemas"]["i64"];
        };
        /** @description What changed in a week. A finding that did several things is in several of them. */
        Changes: {
            /** @description An image without it is there. */
            fixed: components["schemas"]["Happened"];
            /** @description Seen for the first time, and not suppressed. */
            new: components["schemas"]["Happened"];
            /** @description It runs again. */
            reopened: components["schemas"]["Happened"];
            /** @description All that runs is without it. */
            verified: components["schemas"]["Happened"];
        };
        /** @description Where a scan comes from. */
        CiFacts: {
            /**
             * @description Its branch or tag.
             * @default null
             */
            branch?: string;
            /**
             * @description Where the job is.
             * @default null
             */
            job?: string;
            /**
             * @description Where the source is.
             * @default null
             */
            repository?: string;
            /**
             * @description Its commit.
             * @default null
             */
            revision?: string;
            /**
             * @description `github`, `gitlab`, `jenkins`, ...
             * @default null
             */
            system?: string;
        };
        /** @description A version of what nodes judge by. Each node has the newest that is for it and was not taken back. */
        Configuration: {
            /**
             * Format: int64
             * @description Nodes that are to have it and do.
             */
            applied: number;
            /** @description By whom. */
            by: string;
            /** @description When it was made. */
            created: components["schemas"]["i64"];
            /** @description For nodes whose name fits one of these patterns; empty: for all. */
            nodes: string[];
            /** @description What is in it: `rules`, `policy`, `responses`, `baselines`. */
            parts: string[];
            /** @description Why. */
            reason: string;
            /**
             * Format: int64
             * @description Nodes that have refused it, and go on with what they had.
             */
            refused: number;
            /**
             * Format: int64
             * @description Its number; later ones are larger.
             */
            version: number;
            /**
             * Format: int64
             * @description Nodes that are to have it and have not answered yet.
             */
            waiting: number;
            withdrawn?: components["schemas"]["i64"];
            /** @description By whom it was taken back. */
            withdrawn_by?: string;
        };
        /** @description For which nodes a version is from now on. */
        ConfigurationChange: {
            /** @description Patterns of names; empty: all. */
            nodes: string[];
        };
        /** @description Whether it could be rolled out. */
        ConfigurationCheck: {
            /** @description What is wrong; empty if nothing was found. */
            problems: string[];
            /** @description The nodes whose agents have read it. Rules are read by the hub, too; without a node nobody has read the rest. */
            read_by: string[];
            /** @description Nodes that would refuse it, and why, though others can use it: one that has a policy of its own, say. */
            refused_by: string[];
            /**
             * Format: int64
             * @description By how many rules a node would judge.
             */
            rules: number;
        };
        /** @description All of a version. */
        ConfigurationDetail: components["schemas"]["Configuration"] & {
            /** @description What workloads do, whatever nodes have learnt. */
            baselines: string;
            /** @description The nodes that are to have it. */
            on: components["schemas"]["ConfiguredNode"][];
            /** @description What containers may do. */
            policy: string;
            /** @description What alerts cause. */
            responses: string;
            /** @description Rules, beside Gabion's own. */
            rules: string;
        };
        /** @description How a node does with what it is to have. */
        ConfiguredNode: {
            /** @description Its name. */
            name: string;
            /** @description Its id. */
            node: string;
            since?: components["schemas"]["i64"];
            /** @description Whether it has it. */
            state: components["schemas"]["ConfiguredState"];
            /** @description Why it has refused it; else empty. */
            why: string;
        };
        /**
         * @description Whether a node has what it is to have.
         * @enum {string}
         */
        ConfiguredState: "applied" | "refused" | "waiting";
        /** @description A container. */
        Container: {
            /** @description Its addresses. */
            addresses: string[];
            ended?: components["schemas"]["i64"];
            /** @description Its id. */
            id: string;
            /** @description The id of its image, if that is known. */
            image?: string;
            /** @description The name that it was started by. */
            image_name: string;
            /** @description Its name. */
            name: string;
            /** @description Its namespace in Kubernetes. */
            namespace?: string;
            /** @description The node that it is on. */
            node: string;
            /** @description Its pod. */
            pod?: string;
            /** @description It has all privileges; absent if that is not known. */
            privileged?: boolean;
            /** @description What runs it: `containerd`, `docker`, ... */
            runtime: string;
            /** @description When it was seen first. */
            started: components["schemas"]["i64"];
            /** @description What of it is not known. */
            unknown: string[];
            /** @description Its workload. */
            workload: string;
        };
        /** @description How many findings that count, by severity. */
        Counts: {
            /**
             * Format: int64
             * @description Critical ones.
             */
            critical: number;
            /**
             * Format: int64
             * @description High ones.
             */
            high: number;
            /**
             * Format: int64
             * @description Low ones, those worth knowing, and those that nobody has rated.
             */
            low: number;
            /**
             * Format: int64
             * @description Medium ones.
             */
            medium: number;
        };
        /**
         * @description Whether something was looked at.
         * @enum {string}
         */
        CoverageState: "full" | "partial" | "not-evaluated" | "unsupported" | "failed";
        /** @description What the configuration of an image declares. Values of the environment are not kept, as they may be secrets. */
        DeclaredProfile: {
            /** @description What is executed, or the arguments of that, unless somebody says otherwise. */
            command: string[];
            /** @description What is always executed. */
            entrypoint: string[];
            /** @description Names of environment variables. */
            environment: string[];
            /** @description There is a health check. */
            healthcheck: boolean;
            /** @description Labels. */
            labels: {
                [key: string]: string;
            };
            /** @description Ports: `8080/tcp`. */
            ports: string[];
            /** @description That user is root, by number, by name, or by the accounts of the image. */
            root: boolean;
            /** @description The user, as it stands there; empty if there is none. */
            user: string;
            /** @description Directories that outlive a container. */
            volumes: string[];
            /** @description The working directory; empty if there is none. */
            working_dir: string;
        };
        /** @description One thing that happened on a node. */
        Event: {
            /** @description The container, by name; absent on the host. */
            container?: string;
            /** @description All its fields, as rules name them. */
            fields: {
                [key: string]: string;
            };
            /** @description Its id: the same event has the same one, however often it is sent. */
            id: string;
            /** @description `execve`, `connect`, `alert`, ... */
            kind: string;
            /** @description What happened, in a line. */
            message: string;
            /** @description The node. */
            node: string;
            /** @description How bad, for an alert. */
            priority?: string;
            /** @description The program. */
            program?: string;
            /** @description When. */
            time: components["schemas"]["i64"];
            /** @description Its workload. */
            workload?: string;
        };
        /** @description Events that were found, the newest first. */
        EventPage: {
            /** @description The events. */
            items: components["schemas"]["Event"][];
            /** @description What to send as `cursor` for the next page. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are.
             */
            total: number;
            /** @description What could not be searched: the answer is partial. */
            unsearched?: components["schemas"]["Unsearched"][];
        };
        /** @description Somebody answers for something that does not count. */
        Exception: {
            /** @description Who made it. */
            by: string;
            /** @description When. */
            created: components["schemas"]["i64"];
            /** @description Until when; then the findings count again. */
            expires: components["schemas"]["i64"];
            /**
             * Format: int64
             * @description Findings that it suppresses.
             */
            findings: number;
            /** @description Its id. */
            id: string;
            /** @description It has not expired. */
            in_force: boolean;
            /** @description Why it does not count. */
            kind: components["schemas"]["ExceptionKind"];
            /** @description Who answers for it. */
            owner: string;
            /** @description Why. */
            reason: string;
            /** @description Images by name; a pattern such as `shop/*`. Absent: all. */
            repository?: string;
            /** @description The rule that it is for. */
            rule: string;
        };
        /**
         * @description Why something does not count.
         * @enum {string}
         */
        ExceptionKind: "deferral" | "risk-acceptance" | "false-positive";
        /**
         * @description What a rule makes of findings that are known to be exploited.
         * @enum {string}
         */
        ExploitedFindings: "also" | "only";
        /** @description One part of a risk. */
        Factor: {
            /** @description Why: what shows it. */
            evidence: string[];
            /** @description Its name: `vulnerable`, `privileged`, `incident`, ... */
            name: string;
            /**
             * Format: double
             * @description What it multiplies by.
             */
            times: number;
        };
        /** @description Something to triage. */
        Finding: {
            due?: components["schemas"]["i64"];
            /**
             * Format: double
             * @description How likely it is to be exploited within 30 days, from 0 to 1.
             */
            epss?: number;
            exception?: components["schemas"]["ExceptionKind"];
            /** @description It is known to be exploited. */
            exploited: boolean;
            /** @description When it was seen first. */
            first_seen: components["schemas"]["i64"];
            /** @description The version that mends it. */
            fixed_version?: string;
            /** @description Its id. */
            id: string;
            /** @description The newest image of that name that has it. */
            image: string;
            /** @description What kind. */
            kind: components["schemas"]["FindingKind"];
            /** @description What it is in was seen to be executed or mapped by what runs; false says nothing. */
            loaded: boolean;
            /** @description Who answers for it. */
            owner?: string;
            /** @description The packages that are affected, or where it is: `openssl 3.0.11-1`, `/app/.env`. */
            place: string;
            /**
             * Format: int32
             * @description How urgent it is, from 0 to 100.
             */
            priority: number;
            /** @description The name of the image without tag. */
            repository: string;
            /** @description How far its fix has got. */
            rollout: components["schemas"]["Rollout"];
            /** @description The rule: `CVE-2024-3094`, `aws-access-key-id`, `CIS-DI-4.1`. */
            rule: string;
            /** @description How much it matters. */
            severity: components["schemas"]["Severity"];
            /** @description Since when it is in its state. */
            since: components["schemas"]["i64"];
            /** @description Where it is in its life. */
            state: components["schemas"]["State"];
            /** @description What it is, in a line. */
            title: string;
        };
        /** @description A finding with what it rests on. */
        FindingDetail: components["schemas"]["Finding"] & {
            /** @description What to do about it. */
            fix: string;
            /** @description Its life, the newest first. */
            history: components["schemas"]["StateChange"][];
            /** @description Images of that name, the newest first. */
            images: components["schemas"]["AffectedImage"][];
            /** @description Who was seen to load what it is in. */
            loaded_by: components["schemas"]["LoadedBy"][];
            planned?: components["schemas"]["Planned"];
            /** @description The whole finding as `gabion scan --format json` has it: evidence, matches, factors of the priority. */
            report: unknown;
            suppressed_by?: components["schemas"]["Exception"];
        };
        /**
         * @description What kind of finding it is.
         * @enum {string}
         */
        FindingKind: "vulnerability" | "secret" | "misconfiguration" | "behaviour";
        /** @description One of the ten things to do first. */
        FixFirst: {
            /** @description What it clears. */
            clears: components["schemas"]["Counts"];
            /** @description What kind of thing: `incident`, `base-image`, or the kind of a finding. */
            kind: string;
            /** @description The page that tells more, in the console: `/incidents/n1-4`. */
            link: string;
            /** @description Who is to do it. */
            owner?: string;
            /**
             * Format: int64
             * @description Containers that run it.
             */
            running: number;
            /** @description What to do, in a line. */
            title: string;
            /** @description Why it is among the first. */
            why: string[];
        };
        /** @description Who talks to whom. */
        Flow: {
            /**
             * Format: int64
             * @description How often.
             */
            connections: number;
            /**
             * Format: int64
             * @description How often it was denied.
             */
            denied: number;
            /** @description What of it is not encrypted, by its port; absent if that is not known. */
            encrypted?: boolean;
            /** @description When it was seen first. */
            first: components["schemas"]["i64"];
            /** @description Who connects. */
            from: string;
            /** @description When it was seen last. */
            last: components["schemas"]["i64"];
            /**
             * Format: int32
             * @description The port.
             */
            port: number;
            /** @description `tcp`, `udp`. */
            protocol: string;
            /** @description To whom. */
            to: string;
        };
        /** @description What somebody may do, and see. */
        Grant: {
            /** @description Only these namespaces; empty: all. */
            namespaces?: string[];
            /** @description Only what belongs to these owners; empty: all. */
            owners?: string[];
            /** @description What they may do. */
            role: components["schemas"]["Role"];
        };
        /** @description What a group of the provider may do, and see. */
        GroupGrant: {
            /** @description The group, as the provider calls it. */
            group: string;
            /** @description Only these namespaces; empty: all. */
            namespaces?: string[];
            /** @description Only what belongs to these owners; empty: all. */
            owners?: string[];
            /** @description What its members may do. */
            role: components["schemas"]["Role"];
        };
        /** @description What happened to findings in a week. */
        Happened: {
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /** @description The most urgent of them. */
            findings: components["schemas"]["Finding"][];
        };
        /** @description How many events there were when, and of what. */
        Histogram: {
            /** @description The buckets, the oldest first; empty ones as well. */
            buckets: components["schemas"]["Bucket"][];
            /** @description How long a bucket is. */
            step: components["schemas"]["i64"];
            /** @description The most frequent values: of `kind`, `node`, `workload`, `program`, `rule`. */
            top: {
                [key: string]: [
                    string,
                    number
                ][];
            };
            /** @description What could not be searched. */
            unsearched?: components["schemas"]["Unsearched"][];
        };
        /** @description Something that a search found. */
        Hit: {
            /** @description A word more. */
            detail: string;
            /** @description `image`, `workload`, `vulnerability`, `package`, `node`, `incident`, `rule`. */
            kind: string;
            /** @description Its page. */
            link: string;
            /** @description What it is called. */
            title: string;
        };
        /** @description What a search over everything found. */
        Hits: {
            /** @description The best of each kind. */
            hits: components["schemas"]["Hit"][];
            /** @description When it was asked. */
            time: components["schemas"]["i64"];
        };
        /** @description A hub. */
        Hub: {
            /** @description Where agents and other hubs reach it. */
            address: string;
            /** @description It is the one that answers this. */
            here: boolean;
            /** @description Its id. */
            id: string;
            leads?: components["schemas"]["i64"];
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description Nodes that are connected to it.
             */
            nodes: number;
            /** @description When it was heard last. */
            seen: components["schemas"]["i64"];
            /** @description When it was there first. */
            since: components["schemas"]["i64"];
            /** @description How it is. */
            state: components["schemas"]["HubState"];
            /** @description Its version. */
            version: string;
        };
        /**
         * @description How a hub is.
         * @enum {string}
         */
        HubState: "heard" | "ended" | "away";
        /** Format: int64 */
        i64: number;
        /** @description A package of which no file was seen to be loaded. */
        IdlePackage: {
            /**
             * Format: int64
             * @description Findings about it, of all versions that are in the image.
             */
            findings: number;
            /** @description `deb`, `npm`, ... */
            kind: string;
            /** @description Its name. */
            name: string;
        };
        /** @description An image. */
        Image: {
            /** @description The worst of its coverage. */
            coverage: components["schemas"]["CoverageState"];
            created?: components["schemas"]["i64"];
            /** @description Why it could not be scanned, the last time it was tried. */
            failed?: string;
            /** @description When it was seen first. */
            first_seen: components["schemas"]["i64"];
            /** @description The digest of its configuration, or, of what has none, of where it was found. */
            id: string;
            /** @description The digest of its manifest. */
            manifest?: string;
            /** @description One of its names. */
            name: string;
            /** @description What is open. */
            open: components["schemas"]["Counts"];
            /** @description Its distribution. */
            os?: string;
            /** @description Who answers for it. */
            owner?: string;
            /**
             * Format: int64
             * @description Packages in it.
             */
            packages: number;
            /** @description `linux/amd64`. */
            platform?: string;
            /**
             * Format: int64
             * @description Containers that run it.
             */
            running: number;
            scanned?: components["schemas"]["i64"];
            /**
             * Format: int64
             * @description Bytes of its files.
             */
            size: number;
        };
        /** @description An image with all that is known of it. Its findings and packages are lists of their own. */
        ImageDetail: components["schemas"]["Image"] & {
            /** @description How far each aspect was looked at. */
            aspects: components["schemas"]["AspectCoverage"][];
            /** @description What it runs. */
            command: string[];
            /** @description Where it runs. */
            containers: components["schemas"]["Container"][];
            /** @description Its labels. */
            labels: {
                [key: string]: string;
            };
            /** @description Its layers, the lowest first. */
            layers: components["schemas"]["Layer"][];
            /** @description All its names. */
            names: components["schemas"]["ImageName"][];
            /** @description Ports that it says it listens on. */
            ports: string[];
            /** @description In which registries it is. */
            registries: components["schemas"]["ImagePlace"][];
            /** @description Scans of it that were sent from CI, the newest first. */
            sent: components["schemas"]["SentScan"][];
            /** @description The user that it runs as; empty is root. */
            user: string;
        };
        /** @description A name of an image, and since when. */
        ImageName: {
            /** @description `registry/repository:tag`. */
            name: string;
            /** @description Since when it has named this image. */
            since: components["schemas"]["i64"];
            until?: components["schemas"]["i64"];
        };
        /** @description A package in an image. */
        ImagePackage: {
            /** @description `deb`, `npm`, ... */
            kind: string;
            /**
             * Format: int32
             * @description Index of the layer that brought it.
             */
            layer?: number;
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description Findings of it that are open.
             */
            open: number;
            /** @description Where it is. */
            path?: string;
            /** @description Its package URL. */
            purl: string;
            /** @description Its version. */
            version: string;
        };
        /** @description Where an image was found, beside what runs. */
        ImagePlace: {
            /** @description `HOST/REPOSITORY:TAG`. */
            name: string;
            /** @description The name of the registry. */
            registry: string;
        };
        /** @description An image: what it declares, what it was seen to do, and in what these differ. */
        ImageProfile: {
            /** @description The comparison: what differs first, then what is not known, then what agrees. */
            comparison: components["schemas"]["ProfileAnswer"][];
            declared?: components["schemas"]["DeclaredProfile"];
            /** @description What was seen. */
            seen: components["schemas"]["SeenProfile"];
        };
        /** @description All images by what they are built on. */
        ImageTree: {
            /** @description When it was made: in a large estate the last one is shown while the next is made, for some minutes. */
            as_of: components["schemas"]["i64"];
            /** @description What to change, the most useful first. */
            changes: components["schemas"]["PlanChange"][];
            /** @description What was not looked at, and so may be missing. */
            gaps: string[];
            /** @description Its nodes, parents before children. */
            nodes: components["schemas"]["TreeNode"][];
        };
        /** @description Alerts that belong together. */
        Incident: {
            /**
             * Format: int64
             * @description Alerts in it.
             */
            alerts: number;
            /** @description When its first step was. */
            began: components["schemas"]["i64"];
            /** @description The containers it is in; one of each of two nodes may have the same name. */
            containers: string[];
            /** @description Its id. */
            id: string;
            /** @description The nodes it is on, in the order in which it came to them. */
            nodes: string[];
            /** @description Something of it is on a node itself, in no container. */
            on_host: boolean;
            /** @description How bad it is. */
            severity: components["schemas"]["Severity"];
            /** @description Whether somebody has to look at it. */
            state: components["schemas"]["IncidentState"];
            /** @description Tactics of ATT&CK, in the order of an attack. */
            tactics: string[];
            /** @description Techniques. */
            techniques: string[];
            /** @description What it is, in a line. */
            title: string;
            /** @description When something was added last. */
            updated: components["schemas"]["i64"];
        };
        /** @description What is to become of an incident. */
        IncidentChange: {
            /** @description Whether somebody still has to look at it. */
            state: components["schemas"]["IncidentState"];
        };
        /** @description An incident with all that is known of it. */
        IncidentDetail: components["schemas"]["Incident"] & {
            /** @description More belongs to it than is told. */
            cut: boolean;
            /** @description How far it got, in sentences. */
            extent: string[];
            /**
             * Format: int64
             * @description Parts that whoever asks may not see.
             */
            hidden: number;
            /** @description The connections by which one part led to another, and those that somebody has said are no reason to join. */
            links: components["schemas"]["IncidentLink"][];
            /** @description Where it came from, in sentences. */
            origin: string[];
            /** @description What it is made of: incidents of one node each, in the order in which they began. Their ids lead to the whole. */
            parts: components["schemas"]["IncidentPart"][];
            /** @description Its processes, children beneath their parents. */
            processes: components["schemas"]["Line"][];
            /** @description What was done about it. */
            responses: components["schemas"]["Response"][];
            /** @description What happened, in order of time. */
            steps: components["schemas"]["Step"][];
        };
        /** @description A connection by which an incident of one node led to one of another: it is part of both. */
        IncidentLink: {
            /** @description When it was accepted, by the hub's clock. */
            accepted: components["schemas"]["i64"];
            /** @description Who accepted; another than `server` where a service address is in between. */
            accepted_by: string;
            apart?: components["schemas"]["Apart"];
            /** @description The part that began it. */
            cause: string;
            /** @description Who connected: address and port. */
            client: string;
            /** @description In which container; empty on the host. */
            container: string;
            /** @description The part that accepted it. */
            effect: string;
            /** @description Which program began it. */
            program: string;
            /** @description When it was begun, by the hub's clock. */
            sent: components["schemas"]["i64"];
            /** @description Who was connected to. */
            server: string;
            /** @description In which container; empty on the host. */
            to_container: string;
            /** @description Which program accepted it. */
            to_program: string;
        };
        /** @description An incident as one node tells it. */
        IncidentPart: {
            /** @description When its first step was, by the clock of the node. */
            began: components["schemas"]["i64"];
            /** @description Its id. */
            id: string;
            /** @description The node tells the connections of its incidents. One that does not, as agents of earlier versions, cannot be joined with others. */
            joinable: boolean;
            /** @description The node, by name. */
            name: string;
            /** @description The node, by id. */
            node: string;
            /** @description Where it came from is here. */
            origin: boolean;
            /** @description How bad it is. */
            severity: components["schemas"]["Severity"];
            skew?: components["schemas"]["i64"];
            /** @description What it is, in a line. */
            title: string;
            /** @description When its last alert was, by the clock of the node. */
            updated: components["schemas"]["i64"];
        };
        /**
         * @description Whether somebody still has to look at an incident.
         * @enum {string}
         */
        IncidentState: "open" | "closed";
        /** @description A token by which nodes join. */
        JoinToken: {
            /** @description What to type on the node. */
            command: string;
            /** @description Until when it is good. */
            expires: components["schemas"]["i64"];
            /** @description The token. */
            token: string;
        };
        /** @description A layer of an image. */
        Layer: {
            /** @description The line of the history that made it. */
            created_by?: string;
            /** @description Digest of its uncompressed tar. */
            diff_id: string;
            /** @description What it brought that is open. */
            open: components["schemas"]["Counts"];
            /**
             * Format: int64
             * @description Packages that it brought.
             */
            packages: number;
            /**
             * Format: int64
             * @description Bytes of its files.
             */
            size: number;
        };
        /** @description A process in the tree. */
        Line: {
            /** @description What it runs. */
            command: string;
            /** @description In which container; empty on the host. */
            container: string;
            /**
             * Format: int32
             * @description How many ancestors of it are in the tree.
             */
            depth: number;
            /** @description On which node, by name. */
            node: string;
            /** @description The same, by id. */
            on: string;
            /**
             * Format: int32
             * @description Its number.
             */
            pid: number;
            /** @description Rules that it matched. */
            rules: string[];
            /** @description It serves others, too. */
            server: boolean;
        };
        /** @description A workload was seen to execute or map a file of a package. */
        LoadedBy: {
            /** @description The file: one of them. */
            path: string;
            /** @description The workload. */
            workload: string;
        };
        /** @description Somebody wants in: by name and password, or by a token. */
        Login: {
            /** @description The name; empty with a token. */
            name?: string;
            /** @description The password, or the token. */
            secret: string;
        };
        /** @description Who is in. */
        Me: {
            /** @description To be sent as `X-CSRF-Token` with whatever changes something; absent with a token. */
            csrf?: string;
            /** @description The name. */
            name: string;
            /** @description Only these namespaces; empty: all. */
            namespaces: string[];
            /** @description Only what belongs to these owners; empty: all. */
            owners: string[];
            /** @description What they may do. */
            role: components["schemas"]["Role"];
            /** @description The version of the hub. */
            version: string;
        };
        /** @description What somebody says of two parts that are linked. */
        NewApart: {
            /** @description They are two incidents, whatever links them; `false` takes that back. */
            apart: boolean;
            /** @description One part. */
            cause: string;
            /** @description The other. */
            effect: string;
            /** @description Why. */
            reason?: string;
        };
        /** @description What is to be rolled out. */
        NewConfiguration: {
            /** @description Baselines, each a line of JSON, as `gabion baseline export` prints them. */
            baselines?: string;
            /** @description For nodes whose name fits one of these patterns; empty: for all. */
            nodes?: string[];
            /** @description A policy in YAML, as `gabion agent --policy` takes it. */
            policy?: string;
            /** @description Why. */
            reason?: string;
            /** @description Responses in YAML, as `gabion agent --respond` takes them. */
            responses?: string;
            /** @description Rules in YAML, as `gabion rules check` takes them. */
            rules?: string;
        };
        /** @description An exception to be made. */
        NewException: {
            /** @description Only tell what it would suppress. */
            dry_run?: boolean;
            /** @description Until when. */
            expires: components["schemas"]["i64"];
            /** @description Why it does not count. */
            kind: components["schemas"]["ExceptionKind"];
            /** @description Who answers for it. */
            owner: string;
            /** @description Why. */
            reason: string;
            /** @description Images by name; absent: all. */
            repository?: string;
            /** @description The rule that it is for. */
            rule: string;
        };
        /** @description A token by which nodes join, to be made. */
        NewJoinToken: {
            /**
             * Format: int32
             * @description For how many minutes it is good.
             */
            minutes: number;
            /**
             * Format: int32
             * @description How many nodes may join by it.
             */
            uses: number;
        };
        /** @description Which messages a rule would have sent. */
        NewNotificationPreview: {
            /**
             * Format: int32
             * @description In so many days before now: 1 to 30.
             */
            days: number;
            /** @description The rule, which need not be there yet. */
            rule: components["schemas"]["NewNotificationRule"];
        };
        /** @description A rule to be made, or what one is to be. */
        NewNotificationRule: {
            /**
             * Format: int32
             * @description What changes and changes, as an incident does, is told again after so long at the earliest, in minutes; absent: only if it gets
             *     worse or is over.
             */
            again?: number;
            exploited?: components["schemas"]["ExploitedFindings"];
            /** @description What makes one message; empty: all of the rule. */
            group_by?: components["schemas"]["NotificationGroup"][];
            /** @description Of these kinds; empty: of all. */
            kinds?: components["schemas"]["NotificationKind"][];
            /** @description At least so severe. */
            least: components["schemas"]["Severity"];
            /** @description Its name: 1 to 64 lower-case letters, digits and `-`. */
            name: string;
            /** @description Of these owners; empty: of all, and of nobody. */
            owners?: string[];
            /** @description Nothing is told, and what happens meanwhile will not be either, but that something is over which was told. What was gathered before waits. */
            paused?: boolean;
            quiet?: components["schemas"]["QuietHours"];
            /** @description New findings count from when something runs that has them on; otherwise also those of images that do not run. */
            running?: boolean;
            /** @description The sink that messages go to, by name. */
            sink: string;
            /**
             * Format: int32
             * @description How long a message waits for more of the same, in minutes.
             */
            wait?: number;
        };
        /** @description What is planned for findings. */
        NewPlan: {
            due?: components["schemas"]["i64"];
            /** @description The findings. */
            findings: string[];
            /** @description A word about it. */
            note?: string;
        };
        /** @description A policy, or another version of one: its text says which. */
        NewPolicy: {
            /**
             * Format: int64
             * @description The version that it was made from; if there is a later one, it is refused. Absent: a policy of this name is new.
             */
            after?: number;
            /** @description Why. */
            reason?: string;
            /** @description In YAML, with a `name`. */
            text: string;
        };
        /** @description A provider to be set up. */
        NewProvider: {
            /** @description The name of this hub at the provider. */
            client_id: string;
            /** @description The claim that lists the groups. */
            group_claim?: string;
            /** @description What groups may; the first that somebody is in counts. */
            groups?: components["schemas"]["GroupGrant"][];
            /** @description Its address, exactly as it names itself: `https://...`. */
            issuer: string;
            /** @description What the button says after "Log in with". */
            label: string;
            others?: components["schemas"]["Grant"];
            /** @description The address of this hub as browsers know it. */
            public_url?: string;
            /** @description What is asked for; `openid` always is. */
            scopes?: string[];
            /** @description The secret of this hub at the provider. Absent: the one that is kept stays, for the same issuer and client; empty: there is none. */
            secret?: string;
            /** @description The claim that names the user. */
            user_claim?: string;
        };
        /** @description A registry to be made. */
        NewRegistry: {
            /** @description The certificate of the authority that signed its own, in PEM. */
            authority?: string;
            /** @description `REPOSITORY` or `REPOSITORY:TAG` that are not. */
            leave_out?: string[];
            /**
             * Format: int32
             * @description Minutes between two looks: 5 to 10080.
             */
            minutes?: number;
            /** @description What it is called here: letters, digits, `.`, `_`, `-`. */
            name: string;
            /**
             * Format: int32
             * @description So many tags of a repository, the newest by their names: 1 to 1000.
             */
            newest?: number;
            /** @description Nobody looks. */
            paused?: boolean;
            /** @description `linux/arm64`; absent: that of the hub. */
            platform?: string;
            /** @description Repositories that are looked at: patterns. */
            repositories: string[];
            /** @description The password or token. */
            secret?: string;
            /** @description Tags that are looked at; empty: all. */
            tags?: string[];
            /** @description `https://HOST[:PORT]`, or `http://` for one that speaks plain HTTP. */
            url: string;
            /** @description Who looks. */
            user?: string;
        };
        /** @description Something to be done. */
        NewResponse: {
            /** @description `isolate`, `freeze`, `kill-container`, `kill`, `kill-tree`, `evidence`. */
            action: string;
            /** @description Only tell what would be done. */
            dry_run?: boolean;
            /** @description Collect evidence first. */
            evidence?: boolean;
            /** @description The incident that it is about. */
            incident?: string;
            /** @description Why. */
            reason: string;
            /**
             * Format: int64
             * @description For how many seconds, if it lasts; absent: an hour.
             */
            seconds?: number;
            /** @description To whom. */
            target: components["schemas"]["ResponseTarget"];
        };
        /** @description What is sent: a form of parts, as `curl -F` and browsers send files. */
        NewRuleTest: {
            /**
             * Format: binary
             * @description The recording: a `.scap` file of Falco or sysdig, or one of Gabion, compressed or not; up to 64 MiB.
             */
            recording: string;
            /** @description Rules in Falco's language, up to 1 MiB. Absent: only Gabion's own are judged by. */
            rules?: string;
        };
        /** @description A scan that was made elsewhere. */
        NewScan: {
            /** @description Where it comes from. */
            ci?: components["schemas"]["CiFacts"];
            /** @description As `gabion scan --format json` prints it. */
            report: unknown;
        };
        /** @description A sink to be made, or what one is to be. */
        NewSink: {
            /** @description Alerts and incidents of this severity and above. */
            least: components["schemas"]["Severity"];
            /** @description Its name: 1 to 64 lower-case letters, digits and `-`. */
            name: string;
            /** @description Nothing is sent for the time being. */
            paused?: boolean;
            /** @description Which records; none: it has only what notification rules send. */
            records: components["schemas"]["SinkRecords"][];
            /** @description The secret; absent: as it was. It has to be sent again if records are to go to another server. */
            secret?: string;
            /** @description Where records go. */
            target: components["schemas"]["SinkTarget"];
        };
        /** @description A token to be made. */
        NewToken: {
            /**
             * Format: int32
             * @description For how many days it is good.
             */
            days: number;
            /** @description What it is for. */
            name: string;
            /** @description Only these namespaces. */
            namespaces?: string[];
            /** @description Only what belongs to these owners. */
            owners?: string[];
            /** @description What it may do: at most what whoever makes it may. */
            role: components["schemas"]["Role"];
        };
        /** @description A user to be made. */
        NewUser: {
            /** @description The name. */
            name: string;
            /** @description Only these namespaces. */
            namespaces?: string[];
            /** @description Only what belongs to these owners. */
            owners?: string[];
            /** @description The password: at least 12 characters. */
            password: string;
            /** @description What they may do. */
            role: components["schemas"]["Role"];
        };
        /** @description A machine with an agent. */
        Node: {
            /** @description Its architecture. */
            arch: string;
            /**
             * Format: int64
             * @description Containers that run there.
             */
            containers: number;
            /**
             * Format: int64
             * @description Events that were told since it started.
             */
            events: number;
            /**
             * Format: int64
             * @description Things that were lost or could not be looked at.
             */
            gaps: number;
            /** @description Its id. */
            id: string;
            /** @description When it joined. */
            joined: components["schemas"]["i64"];
            /** @description Its kernel. */
            kernel: string;
            /** @description Its name. */
            name: string;
            /** @description Its distribution. */
            os?: string;
            /**
             * Format: int64
             * @description Rules that it judges by.
             */
            rules: number;
            /** @description When it was heard last. */
            seen: components["schemas"]["i64"];
            /** @description Whether it is heard. */
            state: components["schemas"]["NodeState"];
            /** @description The version of its agent. */
            version: string;
            /**
             * Format: int64
             * @description Alerts that wait on the node for the hub.
             */
            waiting: number;
        };
        /** @description A machine, with all that is known of it. */
        NodeDetail: components["schemas"]["Node"] & {
            /** @description What was lost or could not be looked at: what, and how often. */
            lost: {
                [key: string]: number;
            };
            /**
             * Format: int64
             * @description Its memory in bytes.
             */
            memory?: number;
            /** @description What runs there. */
            running: components["schemas"]["Container"][];
            started?: components["schemas"]["i64"];
            /** @description What its kernel does not let it see. */
            unused: components["schemas"]["Unused"][];
        };
        /**
         * @description Whether an agent is heard.
         * @enum {string}
         */
        NodeState: "connected" | "lost" | "removed";
        /** @description A message. */
        Notification: {
            /** @description Why the last attempt failed. */
            error?: string;
            /** @description Its id: the same in each attempt, and in what the sink is sent. */
            id: string;
            /** @description What it names, the worst first. */
            items: components["schemas"]["NotificationItem"][];
            /** @description The page of all of it, as a path. */
            link: string;
            /**
             * Format: int64
             * @description How many more there are.
             */
            more: number;
            /** @description The rule, by name. */
            rule: string;
            sent?: components["schemas"]["i64"];
            /** @description The worst in it. */
            severity: components["schemas"]["Severity"];
            /** @description The sink, by name. */
            sink: string;
            /** @description What has become of it. */
            state: components["schemas"]["NotificationState"];
            /** @description When it was made. */
            time: components["schemas"]["i64"];
            /** @description It, in a line. */
            title: string;
            /**
             * Format: int64
             * @description Attempts that failed.
             */
            tries: number;
            until?: components["schemas"]["i64"];
        };
        /**
         * @description By what happenings become one message.
         * @enum {string}
         */
        NotificationGroup: "owner" | "kind" | "subject";
        /** @description Something that a message tells. */
        NotificationItem: {
            /** @description What it is about, always the same for the same: `f-0a1b`, `incident n-7`. */
            key: string;
            /** @description What kind of thing. */
            kind: components["schemas"]["NotificationKind"];
            /** @description It goes on until it is told that it is over. */
            lasting?: boolean;
            /** @description Its page in the console, as a path. */
            link: string;
            /** @description It is over: closed, back. */
            over?: boolean;
            /** @description Whose it is. */
            owner?: string;
            /** @description How much it matters. */
            severity: components["schemas"]["Severity"];
            /** @description What it is in: an image by name, a node. */
            subject: string;
            /** @description It, in a line. */
            title: string;
        };
        /**
         * @description What kind of thing happened.
         * @enum {string}
         */
        NotificationKind: "new-finding" | "incident" | "deadline-near" | "deadline-over" | "exception-ends" | "agent-lost" | "sink-trouble";
        /** @description What a rule would have sent. */
        NotificationPreview: {
            /** @description The first moment that was looked at. */
            from: components["schemas"]["i64"];
            /**
             * Format: int64
             * @description What would have waited at the end.
             */
            gathered: number;
            /**
             * Format: int64
             * @description So many things happened that it is about.
             */
            happenings: number;
            /** @description The last messages, the newest first. */
            messages: components["schemas"]["PreviewedNotification"][];
            /** @description The last one. */
            to: components["schemas"]["i64"];
            /**
             * Format: int64
             * @description How many messages.
             */
            total: number;
            /** @description What is not in it, and why: of some things no history is kept. */
            unknown: string[];
        };
        /** @description A rule, and how it does. */
        NotificationRule: {
            /** @description By whom. */
            by: string;
            /** @description When it was made. */
            created: components["schemas"]["i64"];
            due?: components["schemas"]["i64"];
            /**
             * Format: int64
             * @description Messages of the last 90 days that the sink has refused for good.
             */
            failed: number;
            /**
             * Format: int64
             * @description So many things are gathered and not told yet.
             */
            gathered: number;
            last?: components["schemas"]["i64"];
            /** @description What it says. */
            rule: components["schemas"]["NewNotificationRule"];
            /**
             * Format: int64
             * @description Messages of the last 90 days that were sent.
             */
            sent: number;
            sink_state?: components["schemas"]["SinkState"];
            /**
             * Format: int64
             * @description Messages that wait to be sent.
             */
            waiting: number;
        };
        /** @description A sink that messages can go to. */
        NotificationSink: {
            /** @description Its kind, `slack`. */
            kind: string;
            /** @description Its name. */
            name: string;
            /** @description How it does. */
            state: components["schemas"]["SinkState"];
        };
        /**
         * @description What has become of a message.
         * @enum {string}
         */
        NotificationState: "waiting" | "sent" | "failed";
        /**
         * @description How a step of a try went.
         * @enum {string}
         */
        Outcome: "well" | "doubtful" | "failed" | "untried";
        /** @description The first page. */
        Overview: {
            /**
             * Format: int64
             * @description Alerts of the last 24 hours.
             */
            alerts: number;
            /** @description What we cannot see. */
            blind: components["schemas"]["Blind"][];
            /** @description Containers that run, of these with a known and scanned image. */
            containers: number[];
            database?: components["schemas"]["i64"];
            /** @description What to do first, at most ten. */
            first: components["schemas"]["FixFirst"][];
            /** @description Images, of these scanned, of these with full coverage. */
            images: number[];
            /**
             * Format: int64
             * @description Incidents that are open.
             */
            incidents: number;
            /** @description Nodes, of these connected. */
            nodes: number[];
            /** @description What is open and runs. */
            open: components["schemas"]["Counts"];
            /** @description Where all findings are in their life. */
            progress: components["schemas"]["Progress"];
            /** @description Whether that is only what came with the program, and so far from all. */
            starter_database: boolean;
            /** @description The last 30 days, the oldest first. */
            trend: components["schemas"]["TrendDay"][];
            /**
             * Format: int64
             * @description Workloads that run.
             */
            workloads: number;
        };
        /** @description What somebody has to do. */
        OwnerLoad: {
            /** @description What is open and runs. */
            open: components["schemas"]["Counts"];
            /**
             * Format: int64
             * @description What is past its day.
             */
            overdue: number;
            /** @description Who; absent: nobody. */
            owner?: string;
        };
        /** @description A package, wherever it is. */
        Package: {
            /**
             * Format: int64
             * @description Images that have it.
             */
            images: number;
            /** @description `deb`, `npm`, ... */
            kind: string;
            /** @description Its name. */
            name: string;
            /** @description Where it is; only in the answer for one package. */
            places?: components["schemas"]["PackagePlace"][];
            /** @description Its versions. */
            versions: string[];
        };
        /** @description An image that has a package. */
        PackagePlace: {
            /** @description The image. */
            image: string;
            /** @description Its name. */
            image_name: string;
            /**
             * Format: int64
             * @description Containers that run it.
             */
            running: number;
            /** @description The version that it has. */
            version: string;
        };
        /** @description How much of what is installed is used. A package counts once, however many versions of it there are. */
        PackageUse: {
            /**
             * Format: int64
             * @description Of so many none was, though they have some that could be.
             */
            idle: number;
            /**
             * Format: int64
             * @description Of so many a file was loaded.
             */
            loaded: number;
            /** @description The first of the idle ones, those with most findings first. */
            packages: components["schemas"]["IdlePackage"][];
            /**
             * Format: int64
             * @description Of so many it cannot be seen: they have no file that is executed or mapped.
             */
            unseen: number;
        };
        /** @description One page of a list. */
        Page_Advisory: {
            /** @description What is on it. */
            items: {
                /**
                 * Format: double
                 * @description How likely it is to be exploited within 30 days.
                 */
                epss?: number;
                /** @description It is known to be exploited. */
                exploited: boolean;
                /** @description When it was seen first. */
                first_seen: components["schemas"]["i64"];
                /** @description There is a version that mends it. */
                fixable: boolean;
                /**
                 * Format: int32
                 * @description The highest priority that it has anywhere.
                 */
                priority: number;
                /**
                 * Format: int64
                 * @description Images by name that have it.
                 */
                repositories: number;
                /** @description `CVE-2024-3094`. */
                rule: string;
                /**
                 * Format: int64
                 * @description Containers that run it.
                 */
                running: number;
                /** @description The worst that anybody says. */
                severity: components["schemas"]["Severity"];
                /** @description What it is, in a line. */
                title: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Alert: {
            /** @description What is on it. */
            items: {
                /** @description The container, by name; absent on the host. */
                container?: string;
                /**
                 * Format: int64
                 * @description How often.
                 */
                count: number;
                /** @description Fields of the last one. */
                fields: {
                    [key: string]: string;
                };
                /** @description When it came first. */
                first: components["schemas"]["i64"];
                /** @description Its id. */
                id: string;
                /** @description The incident that it belongs to. */
                incident?: string;
                /** @description When it came last. */
                last: components["schemas"]["i64"];
                /** @description What the last one says. */
                message: string;
                /** @description The node. */
                node: string;
                /** @description How bad it is, in Falco's words. */
                priority: string;
                /** @description The rule. */
                rule: string;
                /** @description The same in ours. */
                severity: components["schemas"]["Severity"];
                /** @description What has become of it. */
                state: components["schemas"]["AlertState"];
                /** @description Techniques of ATT&CK. */
                techniques: string[];
                /** @description Its workload. */
                workload?: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_AuditEntry: {
            /** @description What is on it. */
            items: {
                /** @description What: `exception.create`, `session.denied`, ... */
                action: string;
                /** @description Who. */
                by: string;
                /** @description More of it. */
                detail: string;
                /** @description From where. */
                from: string;
                /** @description Its number. */
                id: string;
                /** @description To what. */
                target: string;
                /** @description When. */
                time: components["schemas"]["i64"];
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Baseline: {
            /** @description What is on it. */
            items: {
                /** @description Its id: node and name. */
                id: string;
                /** @description The image. */
                image: string;
                /**
                 * Format: int64
                 * @description How many things are in it.
                 */
                items: number;
                /** @description The node. */
                node: string;
                /** @description The version of a configuration that has brought it; absent: it was learnt there. */
                rolled_out?: string;
                /** @description Since when it is learnt. */
                since: components["schemas"]["i64"];
                /** @description Whether it is known. */
                state: components["schemas"]["BaselineState"];
                /**
                 * Format: int64
                 * @description How many wait to be looked at.
                 */
                waiting: number;
                /** @description The workload. */
                workload: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Configuration: {
            /** @description What is on it. */
            items: {
                /**
                 * Format: int64
                 * @description Nodes that are to have it and do.
                 */
                applied: number;
                /** @description By whom. */
                by: string;
                /** @description When it was made. */
                created: components["schemas"]["i64"];
                /** @description For nodes whose name fits one of these patterns; empty: for all. */
                nodes: string[];
                /** @description What is in it: `rules`, `policy`, `responses`, `baselines`. */
                parts: string[];
                /** @description Why. */
                reason: string;
                /**
                 * Format: int64
                 * @description Nodes that have refused it, and go on with what they had.
                 */
                refused: number;
                /**
                 * Format: int64
                 * @description Its number; later ones are larger.
                 */
                version: number;
                /**
                 * Format: int64
                 * @description Nodes that are to have it and have not answered yet.
                 */
                waiting: number;
                withdrawn?: components["schemas"]["i64"];
                /** @description By whom it was taken back. */
                withdrawn_by?: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Container: {
            /** @description What is on it. */
            items: {
                /** @description Its addresses. */
                addresses: string[];
                ended?: components["schemas"]["i64"];
                /** @description Its id. */
                id: string;
                /** @description The id of its image, if that is known. */
                image?: string;
                /** @description The name that it was started by. */
                image_name: string;
                /** @description Its name. */
                name: string;
                /** @description Its namespace in Kubernetes. */
                namespace?: string;
                /** @description The node that it is on. */
                node: string;
                /** @description Its pod. */
                pod?: string;
                /** @description It has all privileges; absent if that is not known. */
                privileged?: boolean;
                /** @description What runs it: `containerd`, `docker`, ... */
                runtime: string;
                /** @description When it was seen first. */
                started: components["schemas"]["i64"];
                /** @description What of it is not known. */
                unknown: string[];
                /** @description Its workload. */
                workload: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Exception: {
            /** @description What is on it. */
            items: {
                /** @description Who made it. */
                by: string;
                /** @description When. */
                created: components["schemas"]["i64"];
                /** @description Until when; then the findings count again. */
                expires: components["schemas"]["i64"];
                /**
                 * Format: int64
                 * @description Findings that it suppresses.
                 */
                findings: number;
                /** @description Its id. */
                id: string;
                /** @description It has not expired. */
                in_force: boolean;
                /** @description Why it does not count. */
                kind: components["schemas"]["ExceptionKind"];
                /** @description Who answers for it. */
                owner: string;
                /** @description Why. */
                reason: string;
                /** @description Images by name; a pattern such as `shop/*`. Absent: all. */
                repository?: string;
                /** @description The rule that it is for. */
                rule: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Finding: {
            /** @description What is on it. */
            items: {
                due?: components["schemas"]["i64"];
                /**
                 * Format: double
                 * @description How likely it is to be exploited within 30 days, from 0 to 1.
                 */
                epss?: number;
                exception?: components["schemas"]["ExceptionKind"];
                /** @description It is known to be exploited. */
                exploited: boolean;
                /** @description When it was seen first. */
                first_seen: components["schemas"]["i64"];
                /** @description The version that mends it. */
                fixed_version?: string;
                /** @description Its id. */
                id: string;
                /** @description The newest image of that name that has it. */
                image: string;
                /** @description What kind. */
                kind: components["schemas"]["FindingKind"];
                /** @description What it is in was seen to be executed or mapped by what runs; false says nothing. */
                loaded: boolean;
                /** @description Who answers for it. */
                owner?: string;
                /** @description The packages that are affected, or where it is: `openssl 3.0.11-1`, `/app/.env`. */
                place: string;
                /**
                 * Format: int32
                 * @description How urgent it is, from 0 to 100.
                 */
                priority: number;
                /** @description The name of the image without tag. */
                repository: string;
                /** @description How far its fix has got. */
                rollout: components["schemas"]["Rollout"];
                /** @description The rule: `CVE-2024-3094`, `aws-access-key-id`, `CIS-DI-4.1`. */
                rule: string;
                /** @description How much it matters. */
                severity: components["schemas"]["Severity"];
                /** @description Since when it is in its state. */
                since: components["schemas"]["i64"];
                /** @description Where it is in its life. */
                state: components["schemas"]["State"];
                /** @description What it is, in a line. */
                title: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Hub: {
            /** @description What is on it. */
            items: {
                /** @description Where agents and other hubs reach it. */
                address: string;
                /** @description It is the one that answers this. */
                here: boolean;
                /** @description Its id. */
                id: string;
                leads?: components["schemas"]["i64"];
                /** @description Its name. */
                name: string;
                /**
                 * Format: int64
                 * @description Nodes that are connected to it.
                 */
                nodes: number;
                /** @description When it was heard last. */
                seen: components["schemas"]["i64"];
                /** @description When it was there first. */
                since: components["schemas"]["i64"];
                /** @description How it is. */
                state: components["schemas"]["HubState"];
                /** @description Its version. */
                version: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Image: {
            /** @description What is on it. */
            items: {
                /** @description The worst of its coverage. */
                coverage: components["schemas"]["CoverageState"];
                created?: components["schemas"]["i64"];
                /** @description Why it could not be scanned, the last time it was tried. */
                failed?: string;
                /** @description When it was seen first. */
                first_seen: components["schemas"]["i64"];
                /** @description The digest of its configuration, or, of what has none, of where it was found. */
                id: string;
                /** @description The digest of its manifest. */
                manifest?: string;
                /** @description One of its names. */
                name: string;
                /** @description What is open. */
                open: components["schemas"]["Counts"];
                /** @description Its distribution. */
                os?: string;
                /** @description Who answers for it. */
                owner?: string;
                /**
                 * Format: int64
                 * @description Packages in it.
                 */
                packages: number;
                /** @description `linux/amd64`. */
                platform?: string;
                /**
                 * Format: int64
                 * @description Containers that run it.
                 */
                running: number;
                scanned?: components["schemas"]["i64"];
                /**
                 * Format: int64
                 * @description Bytes of its files.
                 */
                size: number;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_ImagePackage: {
            /** @description What is on it. */
            items: {
                /** @description `deb`, `npm`, ... */
                kind: string;
                /**
                 * Format: int32
                 * @description Index of the layer that brought it.
                 */
                layer?: number;
                /** @description Its name. */
                name: string;
                /**
                 * Format: int64
                 * @description Findings of it that are open.
                 */
                open: number;
                /** @description Where it is. */
                path?: string;
                /** @description Its package URL. */
                purl: string;
                /** @description Its version. */
                version: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Incident: {
            /** @description What is on it. */
            items: {
                /**
                 * Format: int64
                 * @description Alerts in it.
                 */
                alerts: number;
                /** @description When its first step was. */
                began: components["schemas"]["i64"];
                /** @description The containers it is in; one of each of two nodes may have the same name. */
                containers: string[];
                /** @description Its id. */
                id: string;
                /** @description The nodes it is on, in the order in which it came to them. */
                nodes: string[];
                /** @description Something of it is on a node itself, in no container. */
                on_host: boolean;
                /** @description How bad it is. */
                severity: components["schemas"]["Severity"];
                /** @description Whether somebody has to look at it. */
                state: components["schemas"]["IncidentState"];
                /** @description Tactics of ATT&CK, in the order of an attack. */
                tactics: string[];
                /** @description Techniques. */
                techniques: string[];
                /** @description What it is, in a line. */
                title: string;
                /** @description When something was added last. */
                updated: components["schemas"]["i64"];
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Node: {
            /** @description What is on it. */
            items: {
                /** @description Its architecture. */
                arch: string;
                /**
                 * Format: int64
                 * @description Containers that run there.
                 */
                containers: number;
                /**
                 * Format: int64
                 * @description Events that were told since it started.
                 */
                events: number;
                /**
                 * Format: int64
                 * @description Things that were lost or could not be looked at.
                 */
                gaps: number;
                /** @description Its id. */
                id: string;
                /** @description When it joined. */
                joined: components["schemas"]["i64"];
                /** @description Its kernel. */
                kernel: string;
                /** @description Its name. */
                name: string;
                /** @description Its distribution. */
                os?: string;
                /**
                 * Format: int64
                 * @description Rules that it judges by.
                 */
                rules: number;
                /** @description When it was heard last. */
                seen: components["schemas"]["i64"];
                /** @description Whether it is heard. */
                state: components["schemas"]["NodeState"];
                /** @description The version of its agent. */
                version: string;
                /**
                 * Format: int64
                 * @description Alerts that wait on the node for the hub.
                 */
                waiting: number;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Notification: {
            /** @description What is on it. */
            items: {
                /** @description Why the last attempt failed. */
                error?: string;
                /** @description Its id: the same in each attempt, and in what the sink is sent. */
                id: string;
                /** @description What it names, the worst first. */
                items: components["schemas"]["NotificationItem"][];
                /** @description The page of all of it, as a path. */
                link: string;
                /**
                 * Format: int64
                 * @description How many more there are.
                 */
                more: number;
                /** @description The rule, by name. */
                rule: string;
                sent?: components["schemas"]["i64"];
                /** @description The worst in it. */
                severity: components["schemas"]["Severity"];
                /** @description The sink, by name. */
                sink: string;
                /** @description What has become of it. */
                state: components["schemas"]["NotificationState"];
                /** @description When it was made. */
                time: components["schemas"]["i64"];
                /** @description It, in a line. */
                title: string;
                /**
                 * Format: int64
                 * @description Attempts that failed.
                 */
                tries: number;
                until?: components["schemas"]["i64"];
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_NotificationRule: {
            /** @description What is on it. */
            items: {
                /** @description By whom. */
                by: string;
                /** @description When it was made. */
                created: components["schemas"]["i64"];
                due?: components["schemas"]["i64"];
                /**
                 * Format: int64
                 * @description Messages of the last 90 days that the sink has refused for good.
                 */
                failed: number;
                /**
                 * Format: int64
                 * @description So many things are gathered and not told yet.
                 */
                gathered: number;
                last?: components["schemas"]["i64"];
                /** @description What it says. */
                rule: components["schemas"]["NewNotificationRule"];
                /**
                 * Format: int64
                 * @description Messages of the last 90 days that were sent.
                 */
                sent: number;
                sink_state?: components["schemas"]["SinkState"];
                /**
                 * Format: int64
                 * @description Messages that wait to be sent.
                 */
                waiting: number;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_NotificationSink: {
            /** @description What is on it. */
            items: {
                /** @description Its kind, `slack`. */
                kind: string;
                /** @description Its name. */
                name: string;
                /** @description How it does. */
                state: components["schemas"]["SinkState"];
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Package: {
            /** @description What is on it. */
            items: {
                /**
                 * Format: int64
                 * @description Images that have it.
                 */
                images: number;
                /** @description `deb`, `npm`, ... */
                kind: string;
                /** @description Its name. */
                name: string;
                /** @description Where it is; only in the answer for one package. */
                places?: components["schemas"]["PackagePlace"][];
                /** @description Its versions. */
                versions: string[];
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Policy: {
            /** @description What is on it. */
            items: {
                /** @description By whom. */
                by: string;
                /** @description When this version was made. */
                changed: components["schemas"]["i64"];
                /** @description Its name, which its text says. */
                name: string;
                /** @description Why. */
                reason: string;
                /**
                 * Format: int64
                 * @description How many rules it has.
                 */
                rules: number;
                /**
                 * Format: int64
                 * @description Which version of it; the first is 1.
                 */
                version: number;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Registry: {
            /** @description What is on it. */
            items: {
                /** @description The certificate of the authority that signed its own, in PEM. */
                authority?: string;
                /** @description Who made it. */
                by: string;
                /** @description When. */
                created: components["schemas"]["i64"];
                /** @description What the last look could not tell, and why. */
                error?: string;
                /** @description It may tell of what was pushed: a secret for that is set. */
                has_hook: boolean;
                /** @description There is a password or token for it. */
                has_secret: boolean;
                /** @description `REPOSITORY` or `REPOSITORY:TAG` that are not. */
                leave_out: string[];
                /**
                 * Format: int32
                 * @description Minutes between two looks.
                 */
                minutes: number;
                /** @description What it is called here. */
                name: string;
                /**
                 * Format: int32
                 * @description So many tags of a repository, the newest by their names.
                 */
                newest: number;
                next?: components["schemas"]["i64"];
                /** @description Nobody looks, and nothing of it is scanned. */
                paused: boolean;
                /** @description Which image of one for several platforms; absent: that of the hub. */
                platform?: string;
                polled?: components["schemas"]["i64"];
                /** @description Repositories that are looked at: patterns. `*` is anything but `/`, `**` is anything. */
                repositories: string[];
                /** @description What was seen. */
                seen: components["schemas"]["RegistryNumbers"];
                /** @description How it goes. */
                state: components["schemas"]["RegistryState"];
                /** @description Tags that are looked at; empty: all. */
                tags: string[];
                /** @description `https://registry.example:5000`. */
                url: string;
                /** @description Who looks; absent: anybody. */
                user?: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_RegistryRepository: {
            /** @description What is on it. */
            items: {
                /** @description What could not be told of it. */
                error?: string;
                /**
                 * Format: int64
                 * @description Of these, beyond the newest.
                 */
                left_out: number;
                /** @description When it was looked at last. */
                looked: components["schemas"]["i64"];
                /**
                 * Format: int64
                 * @description Tags that match.
                 */
                matched: number;
                /** @description Its name. */
                name: string;
                /**
                 * Format: int64
                 * @description Tags that it has.
                 */
                tags: number;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_RegistryTag: {
            /** @description What is on it. */
            items: {
                again?: components["schemas"]["i64"];
                /** @description What it means: the digest of a manifest or an index. */
                digest: string;
                /** @description The image, once it is scanned. */
                image?: string;
                /** @description `HOST/REPOSITORY:TAG`. */
                name: string;
                /** @description Its repository. */
                repository: string;
                scanned?: components["schemas"]["i64"];
                /** @description Since when it means that. */
                since: components["schemas"]["i64"];
                /** @description How far it has got. */
                state: components["schemas"]["TagState"];
                /** @description Its own name. */
                tag: string;
                /** @description Why it is not scanned. */
                why?: string;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Response: {
            /** @description What is on it. */
            items: {
                /** @description What. */
                action: string;
                /** @description Who wanted it. */
                by: string;
                /** @description Its id. */
                id: string;
                /** @description The incident that it is about. */
                incident?: string;
                /** @description The node. */
                node: string;
                /** @description What became of it. */
                outcome: components["schemas"]["ResponseOutcome"];
                /** @description Why. */
                reason: string;
                /** @description The container or process. */
                target: string;
                /** @description When. */
                time: components["schemas"]["i64"];
                until?: components["schemas"]["i64"];
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Rule: {
            /** @description What is on it. */
            items: {
                /**
                 * Format: int64
                 * @description Alerts of it in the last 7 days.
                 */
                alerts: number;
                /** @description Its condition. */
                condition: string;
                /** @description What it is for. */
                description: string;
                /** @description Whether it is judged by. */
                enabled: boolean;
                /** @description Its name. */
                name: string;
                /** @description What it says. */
                output: string;
                /** @description How bad what it finds is. */
                priority: string;
                /** @description Where it is from: `Gabion`, or the version that is rolled out to all nodes. */
                source: string;
                /** @description `container`, `mitre_execution`, `T1059`, ... */
                tags: string[];
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Sink: {
            /** @description What is on it. */
            items: {
                /** @description By whom. */
                by: string;
                /** @description When it was made. */
                created: components["schemas"]["i64"];
                /** @description What the last failure said. */
                error?: string;
                failing_since?: components["schemas"]["i64"];
                /** @description It has a secret. */
                has_secret: boolean;
                /** @description Alerts and incidents of this severity and above. */
                least: components["schemas"]["Severity"];
                /**
                 * Format: int64
                 * @description Records that were deleted here, for their age or for want of room, before it took them: at most so many.
                 */
                lost: number;
                /** @description Its name. */
                name: string;
                oldest_waiting?: components["schemas"]["i64"];
                /** @description Nothing is sent for the time being. */
                paused: boolean;
                /** @description The server, without anything that is secret. */
                place: string;
                /** @description Which records; none: it has only what notification rules send. */
                records: components["schemas"]["SinkRecords"][];
                /** @description Why it refused the last of these. */
                refusal?: string;
                /**
                 * Format: int64
                 * @description Records that it refused for good.
                 */
                refused: number;
                /**
                 * Format: int64
                 * @description Records that were taken.
                 */
                sent: number;
                /** @description How it does. */
                state: components["schemas"]["SinkState"];
                taken?: components["schemas"]["i64"];
                /** @description Where records go. */
                target: components["schemas"]["SinkTarget"];
                /**
                 * Format: int64
                 * @description Records that wait.
                 */
                waiting: number;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Token: {
            /** @description What is on it. */
            items: {
                /** @description Who made it. */
                by: string;
                /** @description When. */
                created: components["schemas"]["i64"];
                /** @description Until when it is good. */
                expires: components["schemas"]["i64"];
                /** @description Its id. */
                id: string;
                /** @description What it is for. */
                name: string;
                /** @description Only these namespaces; empty: all. */
                namespaces: string[];
                /** @description Only what belongs to these owners; empty: all. */
                owners: string[];
                /** @description What it may do. */
                role: components["schemas"]["Role"];
                /** @description The token itself: only in the answer to whoever makes it. */
                secret?: string;
                used?: components["schemas"]["i64"];
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_User: {
            /** @description What is on it. */
            items: {
                /** @description When it was made. */
                created: components["schemas"]["i64"];
                /** @description They may not come in at the moment. */
                disabled: boolean;
                /** @description The provider that vouches for them, and says at each log-in what they may do; absent: they have a password of this hub. */
                issuer?: string;
                /** @description The name. */
                name: string;
                /** @description Only these namespaces; empty: all. */
                namespaces: string[];
                /** @description Only what belongs to these owners; empty: all. */
                owners: string[];
                /** @description What they may do. */
                role: components["schemas"]["Role"];
                seen?: components["schemas"]["i64"];
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description One page of a list. */
        Page_Workload: {
            /** @description What is on it. */
            items: {
                /**
                 * Format: int64
                 * @description Alerts in the last 24 hours.
                 */
                alerts: number;
                /** @description One of its images was not looked at wholly. */
                coverage: components["schemas"]["CoverageState"];
                /** @description What it is made of, the largest first. */
                factors: components["schemas"]["Factor"][];
                /** @description When it was seen first. */
                first_seen: components["schemas"]["i64"];
                /** @description Its id. */
                id: string;
                /** @description The names of the images that they run. */
                images: string[];
                /**
                 * Format: int64
                 * @description Incidents that are open.
                 */
                incidents: number;
                /** @description Its name. */
                name: string;
                /** @description Its namespace in Kubernetes. */
                namespace?: string;
                /** @description The nodes that they are on. */
                nodes: string[];
                /** @description What is open in these. */
                open: components["schemas"]["Counts"];
                /** @description Who answers for it. */
                owner?: string;
                /**
                 * Format: double
                 * @description Its risk: the product of its factors, 1 where there are none.
                 */
                risk: number;
                /**
                 * Format: int64
                 * @description Containers that run.
                 */
                running: number;
            }[];
            /** @description What to send as `cursor` for the next page; absent on the last one. */
            next?: string;
            /**
             * Format: int64
             * @description How many there are on all pages.
             */
            total: number;
        };
        /** @description A new password of one's own. */
        PasswordChange: {
            /** @description The new one: at least 12 characters. */
            new: string;
            /** @description The old one. */
            old: string;
        };
        /** @description Somebody who talks. */
        Peer: {
            /** @description Its id in this answer. */
            id: string;
            /**
             * Format: int64
             * @description Incidents of it that are open.
             */
            incidents: number;
            /** @description What it is. */
            kind: components["schemas"]["PeerKind"];
            /** @description What it is called. */
            name: string;
            /** @description Its namespace, where it is a workload of Kubernetes. */
            namespace?: string;
            worst?: components["schemas"]["Severity"];
        };
        /**
         * @description What takes part in the network.
         * @enum {string}
         */
        PeerKind: "workload" | "host" | "name" | "address" | "unknown";
        /** @description One change of the plan: a base to rebuild, a line to change. */
        PlanChange: {
            /** @description What to do, in a line. */
            action: string;
            /** @description What it clears. */
            clears: components["schemas"]["Counts"];
            /**
             * Format: int32
             * @description Its number, from 1.
             */
            id: number;
            /** @description What that is called. */
            name: string;
            /**
             * Format: int32
             * @description Where: a node of the tree.
             */
            node: number;
            /** @description Who makes it. */
            owner?: string;
            /** @description Images that must be built again after it. */
            rebuild: string[];
            /**
             * Format: int64
             * @description Containers that run these.
             */
            running: number;
            /** @description Packages and the versions that they need: `openssl 3.0.11 -> 3.0.15`. */
            updates: string[];
        };
        /** @description What somebody has planned. */
        Planned: {
            /** @description Who. */
            by: string;
            due?: components["schemas"]["i64"];
            /** @description What they say. */
            note: string;
            /** @description When. */
            time: components["schemas"]["i64"];
        };
        /** @description A policy that is in force. */
        Policy: {
            /** @description By whom. */
            by: string;
            /** @description When this version was made. */
            changed: components["schemas"]["i64"];
            /** @description Its name, which its text says. */
            name: string;
            /** @description Why. */
            reason: string;
            /**
             * Format: int64
             * @description How many rules it has.
             */
            rules: number;
            /**
             * Format: int64
             * @description Which version of it; the first is 1.
             */
            version: number;
        };
        /** @description What rules say of one image. */
        PolicyBreach: {
            /** @description Its id. */
            image: string;
            /** @description Its name. */
            name: string;
            /** @description Whose it is. */
            owner?: string;
            /** @description What is said of it. */
            rules: components["schemas"]["PolicySays"][];
            /**
             * Format: int64
             * @description Containers that run it.
             */
            running: number;
            /** @description Whether it is stopped. */
            stopped: boolean;
        };
        /** @description All of a policy. */
        PolicyDetail: components["schemas"]["Policy"] & {
            /** @description Its text in YAML, as `gabion scan --policy` takes it. */
            text: string;
            /** @description Its versions, the newest first: at most a hundred. */
            versions: components["schemas"]["PolicyVersion"][];
        };
        /** @description What a rule says of the images that are there. */
        PolicyRuleTrial: {
            /**
             * Format: int64
             * @description Images that break it.
             */
            broken: number;
            /**
             * Format: int64
             * @description Images that it is not for.
             */
            not_for: number;
            /**
             * Format: int64
             * @description Images that pass.
             */
            passed: number;
            /** @description Its id. */
            rule: string;
            /** @description How much it matters. */
            severity: components["schemas"]["Severity"];
            /** @description When it is asked: `build`, `deploy`, `runtime`. */
            stage: string;
            /** @description Whether it stops; else it only tells. */
            stops: boolean;
            /**
             * Format: int64
             * @description Images of which it cannot tell, as they were not wholly looked at.
             */
            unknown: number;
        };
        /** @description What one rule says of one image. */
        PolicySays: {
            /** @description `failed`, `warned`, `cannot tell`. */
            outcome: string;
            /** @description Why. */
            reason: string;
            /** @description Its id. */
            rule: string;
        };
        /** @description What a policy says of the images that are there. */
        PolicyTrial: {
            /** @description Images that a rule says something to, those that run most first: at most two hundred. */
            broken: components["schemas"]["PolicyBreach"][];
            /**
             * Format: int64
             * @description Images that it was held against.
             */
            images: number;
            /**
             * Format: int64
             * @description Images that there was no time for.
             */
            left: number;
            /** @description What is wrong with its text; then nothing was tried. */
            problem?: string;
            /** @description What each rule says, in the order of the policy. */
            rules: components["schemas"]["PolicyRuleTrial"][];
            /**
             * Format: int64
             * @description Of those that it was held against, those that it says no to.
             */
            stopped: number;
            /**
             * Format: int64
             * @description Images that it was not held against: nobody has scanned them.
             */
            unscanned: number;
        };
        /** @description A version of a policy. */
        PolicyVersion: {
            /** @description By whom. */
            by: string;
            /** @description When it was made. */
            created: components["schemas"]["i64"];
            /** @description Why. */
            reason: string;
            /** @description Its text; empty: the policy was removed. */
            text: string;
            /**
             * Format: int64
             * @description Its number.
             */
            version: number;
        };
        /** @description A policy that is tried on what is there. Nothing is kept. */
        PolicyWish: {
            /** @description On all images, not only on those that run. */
            all?: boolean;
            /** @description In YAML. */
            text: string;
        };
        /** @description A message that a rule would have sent. */
        PreviewedNotification: {
            /** @description Some of what it names, the worst first. */
            items: components["schemas"]["NotificationItem"][];
            /**
             * Format: int64
             * @description How many more there are.
             */
            more: number;
            /** @description The worst in it. */
            severity: components["schemas"]["Severity"];
            /** @description When. */
            time: components["schemas"]["i64"];
            /** @description It, in a line. */
            title: string;
        };
        /** @description Why something could not be done. */
        Problem: {
            /** @description One sentence, in lower case. */
            error: string;
            /** @description What to do about it. */
            hint?: string;
        };
        /** @description One line of the comparison. */
        ProfileAnswer: {
            /** @description Of which question. */
            question: components["schemas"]["ProfileQuestion"];
            /** @description In words. */
            text: string;
            /** @description What came out. */
            verdict: components["schemas"]["ProfileVerdict"];
        };
        /** @description Somebody from outside of all networks here who came in. */
        ProfiledEntry: {
            /** @description The last address from which. */
            address: string;
            /** @description When first. */
            first: components["schemas"]["i64"];
            /** @description When last. */
            last: components["schemas"]["i64"];
            /**
             * Format: int32
             * @description On which port.
             */
            port: number;
            /** @description To which workload. */
            workload: string;
        };
        /** @description A file that was seen to be executed, or mapped in order to execute it. */
        ProfiledFile: {
            /** @description The first of them by name. */
            by: string;
            /** @description The packages that it is of, or that are in it: `deb/openssl`. */
            packages: string[];
            /** @description Its path in the container, without leading slash. */
            path: string;
            /** @description When that was seen first. */
            since: components["schemas"]["i64"];
            /**
             * Format: int64
             * @description How many workloads have loaded it.
             */
            workloads: number;
        };
        /** @description A port on which workloads with an image were seen to listen. */
        ProfiledPort: {
            /** @description The image declares it; absent: it is not known what the image declares. */
            declared?: boolean;
            /** @description `8080/tcp`. */
            port: string;
            /** @description Who listens. */
            workloads: string[];
        };
        /** @description A workload that runs an image, or ran it. */
        ProfiledWorkload: {
            /** @description Its id. */
            id: string;
            /** @description Other images that it ran in that time: connections are known of a workload, not of an image in it. */
            others: string[];
            /**
             * Format: int64
             * @description Its containers that run the image.
             */
            running: number;
            /** @description When the first container with the image, of those that are still known, was started there. */
            since: components["schemas"]["i64"];
            until?: components["schemas"]["i64"];
        };
        /**
         * @description What is compared.
         * @enum {string}
         */
        ProfileQuestion: "listens" | "declared" | "user" | "packages" | "drift";
        /**
         * @description What came out.
         * @enum {string}
         */
        ProfileVerdict: "differs" | "unknown" | "agrees";
        /** @description What has been brought nearer to its end lately. */
        Progress: {
            /**
             * Format: int64
             * @description Those whose fix waits for being run.
             */
            fixed: number;
            /**
             * Format: int64
             * @description Open ones, of all kinds.
             */
            open: number;
            /**
             * Format: int64
             * @description Those past their day.
             */
            overdue: number;
            /**
             * Format: int64
             * @description Planned ones.
             */
            planned: number;
            /**
             * Format: int64
             * @description Those whose fix is being rolled out.
             */
            rolling_out: number;
            /**
             * Format: int64
             * @description Those that are suppressed.
             */
            suppressed: number;
            /**
             * Format: int64
             * @description Those that were verified in the last 30 days.
             */
            verified: number;
        };
        /** @description A provider as it is set up. Its secret is never told. */
        Provider: {
            /** @description By whom. */
            by: string;
            /** @description When it was set. */
            changed: components["schemas"]["i64"];
            /** @description The name of this hub at the provider. */
            client_id: string;
            /** @description The claim that lists the groups; `a.b` is `b` within `a`. */
            group_claim: string;
            /** @description What groups may; the first that somebody is in counts. */
            groups: components["schemas"]["GroupGrant"][];
            /** @description Whether a secret is kept. */
            has_secret: boolean;
            /** @description Its address, exactly as it names itself. */
            issuer: string;
            /** @description What the button says after "Log in with". */
            label: string;
            others?: components["schemas"]["Grant"];
            /** @description The address of this hub as browsers know it; absent: the one by which it is asked. */
            public_url?: string;
            /** @description What is asked for. */
            scopes: string[];
            /** @description The claim that names the user; `a.b` is `b` within `a`. */
            user_claim: string;
        };
        /** @description When nobody wants to be disturbed. What happens is told when it is over. */
        QuietHours: {
            /** @description From when on, `22:00`. */
            from: string;
            through?: components["schemas"]["Severity"];
            /** @description Until when, `07:00`; earlier than `from`, it is that of the next day. */
            to: string;
            /** @description The time zone, `Europe/Berlin`. */
            zone: string;
        };
        /** @description A registry, what of it is looked at, and what was seen. Its secrets are told to nobody. */
        Registry: {
            /** @description The certificate of the authority that signed its own, in PEM. */
            authority?: string;
            /** @description Who made it. */
            by: string;
            /** @description When. */
            created: components["schemas"]["i64"];
            /** @description What the last look could not tell, and why. */
            error?: string;
            /** @description It may tell of what was pushed: a secret for that is set. */
            has_hook: boolean;
            /** @description There is a password or token for it. */
            has_secret: boolean;
            /** @description `REPOSITORY` or `REPOSITORY:TAG` that are not. */
            leave_out: string[];
            /**
             * Format: int32
             * @description Minutes between two looks.
             */
            minutes: number;
            /** @description What it is called here. */
            name: string;
            /**
             * Format: int32
             * @description So many tags of a repository, the newest by their names.
             */
            newest: number;
            next?: components["schemas"]["i64"];
            /** @description Nobody looks, and nothing of it is scanned. */
            paused: boolean;
            /** @description Which image of one for several platforms; absent: that of the hub. */
            platform?: string;
            polled?: components["schemas"]["i64"];
            /** @description Repositories that are looked at: patterns. `*` is anything but `/`, `**` is anything. */
            repositories: string[];
            /** @description What was seen. */
            seen: components["schemas"]["RegistryNumbers"];
            /** @description How it goes. */
            state: components["schemas"]["RegistryState"];
            /** @description Tags that are looked at; empty: all. */
            tags: string[];
            /** @description `https://registry.example:5000`. */
            url: string;
            /** @description Who looks; absent: anybody. */
            user?: string;
        };
        /** @description What is to change of a registry; what is absent stays. An empty text takes away. */
        RegistryChange: {
            /**
             * @description The certificate of the authority that signed its own, in PEM.
             * @default null
             */
            authority?: string;
            /**
             * @description What is not.
             * @default null
             */
            leave_out?: string[];
            /**
             * Format: int32
             * @description Minutes between two looks.
             * @default null
             */
            minutes?: number;
            /**
             * Format: int32
             * @description So many tags of a repository.
             * @default null
             */
            newest?: number;
            /**
             * @description Whether nobody looks.
             * @default null
             */
            paused?: boolean;
            /**
             * @description Which image of one for several platforms.
             * @default null
             */
            platform?: string;
            /**
             * @description Repositories that are looked at.
             * @default null
             */
            repositories?: string[];
            /**
             * @description The password or token.
             * @default null
             */
            secret?: string;
            /**
             * @description Tags that are looked at.
             * @default null
             */
            tags?: string[];
            /**
             * @description Another address. A secret that is kept goes nowhere else: it must be given anew with this.
             * @default null
             */
            url?: string;
            /**
             * @description Who looks.
             * @default null
             */
            user?: string;
        };
        /** @description What a registry says when it is tried. */
        RegistryCheck: {
            /** @description What was tried and what came of it, in sentences. */
            said: string[];
            /** @description All that is asked for can be looked at. */
            works: boolean;
        };
        /** @description The secret by which a registry tells of what was pushed. It is told this once. */
        RegistryHook: {
            /** @description Where to send it: `/api/v1/registries/NAME/events`. */
            path: string;
            /** @description As `Authorization: Bearer SECRET`, as the secret of a webhook of GitHub, or as `?secret=` where nothing else can be set. */
            secret: string;
        };
        /** @description What was seen of a registry, and what became of it: `tags` = not wanted + `left_out` + looked at. */
        RegistryNumbers: {
            /**
             * Format: int64
             * @description Tags whose image could not be scanned.
             */
            failed: number;
            /**
             * Format: int64
             * @description Repositories of which the last look told nothing, or not all.
             */
            failing: number;
            /**
             * Format: int64
             * @description Of these, beyond the newest.
             */
            left_out: number;
            /**
             * Format: int64
             * @description Tags that match.
             */
            matched: number;
            /**
             * Format: int64
             * @description Tags that mean no image.
             */
            others: number;
            /**
             * Format: int64
             * @description Repositories that were looked at.
             */
            repositories: number;
            /**
             * Format: int64
             * @description Tags whose image is scanned.
             */
            scanned: number;
            /**
             * Format: int64
             * @description Tags that these have.
             */
            tags: number;
            /**
             * Format: int64
             * @description Tags whose image waits.
             */
            waiting: number;
        };
        /** @description A repository of a registry, and what of it is not looked at. */
        RegistryRepository: {
            /** @description What could not be told of it. */
            error?: string;
            /**
             * Format: int64
             * @description Of these, beyond the newest.
             */
            left_out: number;
            /** @description When it was looked at last. */
            looked: components["schemas"]["i64"];
            /**
             * Format: int64
             * @description Tags that match.
             */
            matched: number;
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description Tags that it has.
             */
            tags: number;
        };
        /**
         * @description How it goes with a registry.
         * @enum {string}
         */
        RegistryState: "new" | "polling" | "well" | "partial" | "failing" | "paused";
        /** @description A tag of a registry that is looked at. */
        RegistryTag: {
            again?: components["schemas"]["i64"];
            /** @description What it means: the digest of a manifest or an index. */
            digest: string;
            /** @description The image, once it is scanned. */
            image?: string;
            /** @description `HOST/REPOSITORY:TAG`. */
            name: string;
            /** @description Its repository. */
            repository: string;
            scanned?: components["schemas"]["i64"];
            /** @description Since when it means that. */
            since: components["schemas"]["i64"];
            /** @description How far it has got. */
            state: components["schemas"]["TagState"];
            /** @description Its own name. */
            tag: string;
            /** @description Why it is not scanned. */
            why?: string;
        };
        /** @description Something that was done. */
        Response: {
            /** @description What. */
            action: string;
            /** @description Who wanted it. */
            by: string;
            /** @description Its id. */
            id: string;
            /** @description The incident that it is about. */
            incident?: string;
            /** @description The node. */
            node: string;
            /** @description What became of it. */
            outcome: components["schemas"]["ResponseOutcome"];
            /** @description Why. */
            reason: string;
            /** @description The container or process. */
            target: string;
            /** @description When. */
            time: components["schemas"]["i64"];
            until?: components["schemas"]["i64"];
        };
        /** @description What became of it, with the reason. */
        ResponseOutcome: {
            /** @description What. */
            state: components["schemas"]["ResponseState"];
            /** @description In words. */
            text: string;
        };
        /**
         * @description What became of it.
         * @enum {string}
         */
        ResponseState: "sent" | "done" | "would-have" | "held-back" | "failed" | "undone";
        /** @description To whom something is to be done. */
        ResponseTarget: {
            /** @description The container, by id or name. */
            container?: string;
            /** @description The node. */
            node: string;
            /**
             * Format: int32
             * @description A process, where there is no container.
             */
            pid?: number;
        };
        /** @description What is kept for how long. Findings and their life, and the audit log, are kept for good. */
        Retention: {
            /**
             * Format: int32
             * @description Days that alerts are kept after they came last. Incidents are kept for good.
             */
            alert_days: number;
            /**
             * Format: int32
             * @description Days that containers are kept after they ended.
             */
            container_days: number;
            /**
             * Format: int64
             * @description What events of each hub take on its disk at most, in bytes: before that the oldest go.
             */
            event_bytes: number;
            /**
             * Format: int32
             * @description Days that each hub keeps its events.
             */
            event_days: number;
            /**
             * Format: int32
             * @description Days that it is kept who talked to whom.
             */
            flow_days: number;
        };
        /** @description What is kept for how long, and what there is. */
        RetentionDetail: {
            /**
             * Format: int64
             * @description What they take on its disk.
             */
            bytes: number;
            /**
             * Format: int64
             * @description Events that this hub has.
             */
            events: number;
            /**
             * Format: int64
             * @description What is left on that disk; absent: it cannot be told.
             */
            free?: number;
            /** @description What is kept. */
            kept: components["schemas"]["Retention"];
            oldest?: components["schemas"]["i64"];
            /** @description What is kept where nobody has said anything. */
            usual: components["schemas"]["Retention"];
        };
        /**
         * @description What somebody may do; each may also do what those before may.
         * @enum {string}
         */
        Role: "scanner" | "viewer" | "triager" | "operator" | "admin";
        /** @description How far a fix has got. */
        Rollout: {
            /**
             * Format: int64
             * @description Containers that run an image without it.
             */
            fixed: number;
            /**
             * Format: int64
             * @description Containers of that name that run.
             */
            running: number;
        };
        /** @description A rule, as an agent judges by it. */
        Rule: {
            /**
             * Format: int64
             * @description Alerts of it in the last 7 days.
             */
            alerts: number;
            /** @description Its condition. */
            condition: string;
            /** @description What it is for. */
            description: string;
            /** @description Whether it is judged by. */
            enabled: boolean;
            /** @description Its name. */
            name: string;
            /** @description What it says. */
            output: string;
            /** @description How bad what it finds is. */
            priority: string;
            /** @description Where it is from: `Gabion`, or the version that is rolled out to all nodes. */
            source: string;
            /** @description `container`, `mitre_execution`, `T1059`, ... */
            tags: string[];
        };
        /** @description Alerts by a rule. */
        RuleAlerts: {
            /**
             * Format: int64
             * @description How many.
             */
            alerts: number;
            /** @description The rule. */
            rule: string;
        };
        /** @description What rules say of recorded events. Nothing is kept. */
        RuleTest: {
            /**
             * Format: int64
             * @description Alerts that there would have been.
             */
            alerts: number;
            /** @description By rule, those with the most alerts first: at most a thousand. Rules that were sent are there without alerts, too. */
            by_rule: components["schemas"]["TestedRule"][];
            /**
             * Format: int64
             * @description Events that were judged.
             */
            events: number;
            /** @description The first alerts: at most a hundred. */
            first: components["schemas"]["TestedAlert"][];
            from?: components["schemas"]["i64"];
            /** @description Of which kinds they were, the most frequent first. */
            kinds: components["schemas"]["TestedKind"][];
            /** @description The name of the node whose events they are; empty if the recording does not say. */
            node: string;
            /** @description What is wrong with the rules; then nothing was judged. */
            problems: string[];
            /**
             * Format: int64
             * @description By how many rules it was judged.
             */
            rules: number;
            /**
             * Format: int64
             * @description Of those, how many said nothing.
             */
            silent: number;
            to?: components["schemas"]["i64"];
            /** @description What was not read or not judged, and why; empty: all of the recording was. */
            unread: string[];
        };
        /** @description What the hub makes of a scan. */
        ScanAnswer: {
            /** @description What the hub's policies say; empty where it has none. */
            gates?: components["schemas"]["ScanGate"][];
            /** @description The image that it is kept as. */
            image: string;
            /** @description Whether the hub shows this report for the image. If it knows the image better, by what runs or from a registry, it keeps that one. */
            kept: boolean;
            /** @description Who answers for it. */
            owner?: string;
            /** @description The report by the hub's database and exceptions. */
            report: unknown;
        };
        /** @description What one rule says of a scan. */
        ScanGate: {
            /** @description Why it does not. */
            detail: string;
            /** @description Its name. */
            gate: string;
            /** @description Whether it passes. */
            passed: boolean;
        };
        /** @description What workloads with an image were seen to do. */
        SeenProfile: {
            /** @description Alerts of containers with the image, by rule. */
            alerts: components["schemas"]["RuleAlerts"][];
            /** @description What is always done in them, as the nodes that run them know it. */
            baselines: components["schemas"]["Baseline"][];
            /** @description Whose baselines are not known, and why. */
            baselines_unknown: string[];
            /**
             * Format: int64
             * @description Containers that ran it, and have ended; as long as they are known.
             */
            ended: number;
            /** @description Who came in from outside in the last seven days. */
            entries: components["schemas"]["ProfiledEntry"][];
            /** @description What they have executed or mapped. */
            files: components["schemas"]["ProfiledFile"][];
            /** @description Why not all that they do may be known. */
            gaps: string[];
            /**
             * Format: int64
             * @description How many more there are that whoever asks may not see. Nothing of them is told here.
             */
            hidden: number;
            /**
             * Format: int64
             * @description How many connect to them whom whoever asks may not see.
             */
            hidden_incoming: number;
            /** @description Who connects to them, by name. */
            incoming: components["schemas"]["Flow"][];
            /** @description On which ports they listen. */
            listens: components["schemas"]["ProfiledPort"][];
            /**
             * Format: int64
             * @description How many more there are.
             */
            more_files: number;
            /**
             * Format: int64
             * @description How many more there are.
             */
            more_incoming: number;
            /**
             * Format: int64
             * @description How many more there are.
             */
            more_outgoing: number;
            /** @description Whom they connect to, by name. */
            outgoing: components["schemas"]["Flow"][];
            packages?: components["schemas"]["PackageUse"];
            /** @description Why that is not known, where it is not. */
            packages_unknown?: string;
            /**
             * Format: int64
             * @description Containers that run it.
             */
            running: number;
            /**
             * Format: int64
             * @description Of these, those that were watched from their start on: only of them it is known what they did not do.
             */
            watched: number;
            /** @description Where it runs or ran. */
            workloads: components["schemas"]["ProfiledWorkload"][];
        };
        /** @description A scan that was sent. */
        SentScan: {
            /** @description By whose token. */
            by: string;
            /** @description Where it comes from. */
            ci: components["schemas"]["CiFacts"];
            /** @description What was scanned, as it was called there. */
            reference: string;
            /** @description When. */
            time: components["schemas"]["i64"];
        };
        /** @description Who talks to whom, by name. */
        ServiceMap: {
            /** @description Who talks to whom. */
            flows: components["schemas"]["Flow"][];
            /**
             * Format: int64
             * @description Flows that are not told, as there are too many.
             */
            more: number;
            /** @description Who takes part. */
            peers: components["schemas"]["Peer"][];
        };
        /**
         * @description How much it matters.
         * @enum {string}
         */
        Severity: "unknown" | "info" | "low" | "medium" | "high" | "critical";
        /** @description How log-in by a provider is set up. */
        SignIn: {
            provider?: components["schemas"]["Provider"];
            /** @description The address that the provider must know as redirect URI of this hub. */
            redirect: string;
        };
        /** @description A step of a try. */
        SignInStep: {
            /** @description What was found. */
            detail: string;
            /** @description What to do about it. */
            hint?: string;
            /** @description How it went. */
            outcome: components["schemas"]["Outcome"];
            /** @description What was tried. */
            what: string;
        };
        /** @description What came of trying a provider. That somebody can log in is shown by logging in only. */
        SignInTest: {
            /** @description The address that the provider must know as redirect URI of this hub. */
            redirect: string;
            /** @description What was tried, in order. */
            steps: components["schemas"]["SignInStep"][];
            /** @description Whether no step failed. */
            works: boolean;
        };
        /** @description A system that is handed what happens here. */
        Sink: {
            /** @description By whom. */
            by: string;
            /** @description When it was made. */
            created: components["schemas"]["i64"];
            /** @description What the last failure said. */
            error?: string;
            failing_since?: components["schemas"]["i64"];
            /** @description It has a secret. */
            has_secret: boolean;
            /** @description Alerts and incidents of this severity and above. */
            least: components["schemas"]["Severity"];
            /**
             * Format: int64
             * @description Records that were deleted here, for their age or for want of room, before it took them: at most so many.
             */
            lost: number;
            /** @description Its name. */
            name: string;
            oldest_waiting?: components["schemas"]["i64"];
            /** @description Nothing is sent for the time being. */
            paused: boolean;
            /** @description The server, without anything that is secret. */
            place: string;
            /** @description Which records; none: it has only what notification rules send. */
            records: components["schemas"]["SinkRecords"][];
            /** @description Why it refused the last of these. */
            refusal?: string;
            /**
             * Format: int64
             * @description Records that it refused for good.
             */
            refused: number;
            /**
             * Format: int64
             * @description Records that were taken.
             */
            sent: number;
            /** @description How it does. */
            state: components["schemas"]["SinkState"];
            taken?: components["schemas"]["i64"];
            /** @description Where records go. */
            target: components["schemas"]["SinkTarget"];
            /**
             * Format: int64
             * @description Records that wait.
             */
            waiting: number;
        };
        /**
         * @description What a sink may be given.
         * @enum {string}
         */
        SinkRecords: "alerts" | "incidents" | "audit" | "events";
        /**
         * @description How a sink does.
         * @enum {string}
         */
        SinkState: "well" | "failing" | "paused";
        /** @description Where records go. */
        SinkTarget: {
            /** @description Authorities that its certificate may be from, as PEM, beside those of the system. */
            authorities?: string;
            /** @description A data stream, to which each change of a record is added. Otherwise an index, in which a record is replaced. */
            data_stream: boolean;
            /** @description The data stream or index. */
            index: string;
            /** @enum {string} */
            kind: "open-search";
            /** @description Its address: `https://search.example:9200`. */
            url: string;
            /** @description The user. */
            user?: string;
        } | {
            /** @description See `open-search`. */
            authorities?: string;
            /** @enum {string} */
            kind: "otlp";
            /** @description The whole address: `https://collector.example:4318/v1/logs`. */
            url: string;
        } | {
            /** @description `syslog.example:6514`. */
            address: string;
            /** @description Authorities that its certificate must be from, as PEM; absent: those of the system. */
            authorities?: string;
            /** @enum {string} */
            kind: "syslog";
        } | {
            /** @description See `open-search`. */
            authorities?: string;
            /** @enum {string} */
            kind: "webhook";
            /** @description The address. */
            url: string;
        } | {
            /** @enum {string} */
            kind: "slack";
        } | {
            /** @enum {string} */
            kind: "teams";
        } | {
            /** @enum {string} */
            kind: "pager-duty";
            /** @description The address of the Events API; absent: `https://events.pagerduty.com/v2/enqueue`. */
            url?: string;
        } | {
            /**
             * Format: int32
             * @description So many that were put aside are kept; 5 unless it is said.
             */
            keep?: number;
            /** @enum {string} */
            kind: "file";
            /**
             * Format: int32
             * @description It is put aside when it is so large, in MiB; 64 unless it is said.
             */
            max_mib?: number;
        };
        /** @description What a sink says to a record that was sent to try it. */
        SinkTest: {
            /** @description What it said. */
            said: string;
            /** @description It was taken. */
            taken: boolean;
        };
        /**
         * @description Where a finding is in its life.
         * @enum {string}
         */
        State: "open" | "planned" | "fixed" | "rolling-out" | "verified" | "reopened" | "not-running" | "withdrawn";
        /** @description One step in the life of a finding. */
        StateChange: {
            /** @description What it became. */
            state: components["schemas"]["State"];
            /** @description When. */
            time: components["schemas"]["i64"];
            /** @description Why: who said so, or what was seen. */
            why: string;
        };
        /** @description One thing that happened. */
        Step: {
            /** @description In which container; empty on the host. */
            container: string;
            /** @description On which node, by name. */
            node: string;
            /** @description The same, by id: names need not be different. */
            on: string;
            /** @description The rule that says so. */
            rule?: string;
            /** @description What. */
            text: string;
            /** @description When. */
            time: components["schemas"]["i64"];
        };
        /** @description A tactic. */
        Tactic: {
            /** @description `execution`. */
            name: string;
            /** @description Its techniques that some rule looks for. */
            techniques: components["schemas"]["Technique"][];
        };
        /**
         * @description How far a tag has got.
         * @enum {string}
         */
        TagState: "waiting" | "scanned" | "failed" | "no-image";
        /** @description A technique, and what was seen of it. */
        Technique: {
            /**
             * Format: int64
             * @description Alerts of these.
             */
            alerts: number;
            /** @description `T1059`. */
            id: string;
            /** @description Rules that look for it. */
            rules: string[];
        };
        /** @description An alert that there would have been. */
        TestedAlert: {
            /**
             * Format: int64
             * @description The number of the event in the recording, as `evt.num` says it.
             */
            event: number;
            /** @description What the rule says; long ones end with `...`. */
            output: string;
            /** @description How bad it is. */
            priority: string;
            /** @description The rule. */
            rule: string;
            /** @description When. */
            time: components["schemas"]["i64"];
        };
        /** @description Events of one kind. */
        TestedKind: {
            /**
             * Format: int64
             * @description How many.
             */
            events: number;
            /** @description As `evt.type` says it. */
            kind: string;
        };
        /** @description What a rule says of recorded events. */
        TestedRule: {
            /**
             * Format: int64
             * @description Alerts of it.
             */
            alerts: number;
            /**
             * Format: int64
             * @description Events of the kinds that it can match. None: the recording cannot tell whether the rule works.
             */
            events: number;
            /** @description How bad what it finds is. */
            priority: string;
            /** @description Its name. */
            rule: string;
            /** @description Where it is from: `Gabion`, or `rules` for what was sent. */
            source: string;
        };
        /** @description A token of the API, for programs. */
        Token: {
            /** @description Who made it. */
            by: string;
            /** @description When. */
            created: components["schemas"]["i64"];
            /** @description Until when it is good. */
            expires: components["schemas"]["i64"];
            /** @description Its id. */
            id: string;
            /** @description What it is for. */
            name: string;
            /** @description Only these namespaces; empty: all. */
            namespaces: string[];
            /** @description Only what belongs to these owners; empty: all. */
            owners: string[];
            /** @description What it may do. */
            role: components["schemas"]["Role"];
            /** @description The token itself: only in the answer to whoever makes it. */
            secret?: string;
            used?: components["schemas"]["i64"];
        };
        /**
         * @description Something has changed: what a live view listens to.
         * @enum {string}
         */
        Topic: "findings" | "workloads" | "alerts" | "incidents" | "nodes" | "responses" | "configurations" | "registries" | "policies";
        /** @description An image in the tree. */
        TreeImage: {
            /** @description Its id. */
            id: string;
            /** @description Its names. */
            names: string[];
            /** @description What is open in it. */
            open: components["schemas"]["Counts"];
            /**
             * Format: int64
             * @description Containers that run it.
             */
            running: number;
        };
        /** @description A node of the tree: layers that the same images have. */
        TreeNode: {
            /**
             * Format: int32
             * @description Number of the change of the plan that is made here.
             */
            change?: number;
            /**
             * Format: int64
             * @description Images that are built on it, those that end here included.
             */
            derived: number;
            /** @description It is somebody else's: it can be exchanged, not changed. */
            external: boolean;
            /**
             * Format: int32
             * @description Its number, from 0.
             */
            id: number;
            /** @description Images that end here. */
            images: components["schemas"]["TreeImage"][];
            /** @description What it has from below. */
            inherited: components["schemas"]["Counts"];
            /**
             * Format: int32
             * @description How many layers.
             */
            layers: number;
            /** @description What it is called: a name of an image that ends here, or what images say their base is. */
            name: string;
            /** @description The image is known by name: not only its layers. */
            named: boolean;
            /** @description What it brought that is open. */
            own: components["schemas"]["Counts"];
            /** @description Who answers for it. */
            owner?: string;
            /**
             * Format: int32
             * @description The node that it is built on.
             */
            parent?: number;
        };
        /** @description What was open at the end of a day. */
        TrendDay: {
            /**
             * Format: int64
             * @description Alerts on that day.
             */
            alerts: number;
            /** @description The day: its beginning. */
            day: components["schemas"]["i64"];
            /** @description What was open. */
            open: components["schemas"]["Counts"];
            /**
             * Format: int64
             * @description Findings that were verified on that day.
             */
            verified: number;
        };
        /** @description What was to be done at a time. Severities and exceptions are those of today. */
        TrendWeek: {
            /** @description The end of the week. */
            end: components["schemas"]["i64"];
            open?: components["schemas"]["Counts"];
        };
        /** @description A part of what was asked for could not be searched. */
        Unsearched: {
            /** @description Which. */
            what: string;
            /** @description Why. */
            why: string;
        };
        /** @description An image that was not wholly looked at. */
        Unseen: {
            /** @description Why its scan failed; absent if it did not. */
            failed?: string;
            /** @description Its id. */
            id: string;
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description Containers that run it.
             */
            running: number;
            /** @description Whether it was scanned, in part. */
            scanned: boolean;
        };
        /** @description A part of the sensor that is not used. */
        Unused: {
            /** @description Which. */
            feature: string;
            /** @description What is not seen without it. */
            unseen: string;
            /** @description Why. */
            why: string;
        };
        /** @description Somebody who may come in. */
        User: {
            /** @description When it was made. */
            created: components["schemas"]["i64"];
            /** @description They may not come in at the moment. */
            disabled: boolean;
            /** @description The provider that vouches for them, and says at each log-in what they may do; absent: they have a password of this hub. */
            issuer?: string;
            /** @description The name. */
            name: string;
            /** @description Only these namespaces; empty: all. */
            namespaces: string[];
            /** @description Only what belongs to these owners; empty: all. */
            owners: string[];
            /** @description What they may do. */
            role: components["schemas"]["Role"];
            seen?: components["schemas"]["i64"];
        };
        /** @description What is to be different of a user; what is absent stays. */
        UserChange: {
            /** @description Whether they may not come in. */
            disabled?: boolean;
            /** @description Only these namespaces. */
            namespaces?: string[];
            /** @description Only what belongs to these owners. */
            owners?: string[];
            /** @description A new password. */
            password?: string;
            role?: components["schemas"]["Role"];
        };
        /** @description How one may come in beside a name and a password. */
        Ways: {
            /** @description What the button of the provider says; absent: there is none. */
            provider?: string;
        };
        /** @description A week of an owner. */
        Weekly: {
            /** @description What is open, by severity; the worst first. Severities of which nothing is open are left out. */
            ageing: components["schemas"]["Ageing"][];
            /** @description By the rules that raised the most. */
            alert_rules: components["schemas"]["RuleAlerts"][];
            /**
             * Format: int64
             * @description Alerts of the week that were not suppressed.
             */
            alerts: number;
            /** @description What changed. */
            changes: components["schemas"]["Changes"];
            /** @description Containers that run, of these with a known and scanned image. */
            containers: number[];
            database?: components["schemas"]["i64"];
            /** @description Exceptions that end within 30 days, the first to end first. */
            exceptions: components["schemas"]["Exception"][];
            /** @description The most urgent things to mend, at most ten. */
            first: components["schemas"]["Finding"][];
            /** @description When the week began. */
            from: components["schemas"]["i64"];
            /** @description Images that run, of these scanned, of these with full coverage. */
            images: number[];
            /**
             * Format: int64
             * @description How many incidents those are.
             */
            incident_count: number;
            /** @description Incidents to which something was added in the week, or that are open; the worst first, at most 20. */
            incidents: components["schemas"]["Incident"][];
            /** @description Nodes, of these connected; absent for whoever sees only a part, as nodes are everybody's. */
            nodes?: number[];
            /** @description Whose; absent: of all that whoever asks may see. */
            owner?: string;
            /** @description Whether that is only what came with the program, and so far from all. */
            starter_database: boolean;
            /**
             * Format: int64
             * @description What does not count, by exceptions.
             */
            suppressed: number;
            /** @description When it ended: when it was asked for. */
            to: components["schemas"]["i64"];
            /** @description The last weeks, the oldest first; the last one is now. */
            trend: components["schemas"]["TrendWeek"][];
            /** @description Images that run and were not wholly looked at, those that run most first, at most 20. */
            unseen: components["schemas"]["Unseen"][];
        };
        /** @description Containers that do the same. */
        Workload: {
            /**
             * Format: int64
             * @description Alerts in the last 24 hours.
             */
            alerts: number;
            /** @description One of its images was not looked at wholly. */
            coverage: components["schemas"]["CoverageState"];
            /** @description What it is made of, the largest first. */
            factors: components["schemas"]["Factor"][];
            /** @description When it was seen first. */
            first_seen: components["schemas"]["i64"];
            /** @description Its id. */
            id: string;
            /** @description The names of the images that they run. */
            images: string[];
            /**
             * Format: int64
             * @description Incidents that are open.
             */
            incidents: number;
            /** @description Its name. */
            name: string;
            /** @description Its namespace in Kubernetes. */
            namespace?: string;
            /** @description The nodes that they are on. */
            nodes: string[];
            /** @description What is open in these. */
            open: components["schemas"]["Counts"];
            /** @description Who answers for it. */
            owner?: string;
            /**
             * Format: double
             * @description Its risk: the product of its factors, 1 where there are none.
             */
            risk: number;
            /**
             * Format: int64
             * @description Containers that run.
             */
            running: number;
        };
        /** @description A workload, with all that is known of it. */
        WorkloadDetail: components["schemas"]["Workload"] & {
            /** @description Its containers: those that run, and those that ended last. */
            containers: components["schemas"]["Container"][];
            /** @description Its worst findings. */
            findings: components["schemas"]["Finding"][];
            /** @description Its last alerts. */
            recent: components["schemas"]["Alert"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
