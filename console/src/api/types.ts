// The REST contract. What the hub's description says comes from `schema.ts`, which is made from it (`npm run types`); here it gets
// short names, and what a description cannot say: the order of words, and what a scan report may have in it.
//
// Times are in milliseconds since 1970 (UTC). What is not known is absent.
import type { components } from './schema'

type Schemas = components['schemas']

export type Millis = number

export type Advisory = Schemas['Advisory']
export type AdvisoryDetail = Schemas['AdvisoryDetail']
export type AffectedImage = Schemas['AffectedImage']
export type Alert = Schemas['Alert']
export type AlertChange = Schemas['AlertChange']
export type AlertState = Schemas['AlertState']
export type Approval = Schemas['Approval']
export type AspectCoverage = Schemas['AspectCoverage']
export type Attack = Schemas['Attack']
export type AuditEntry = Schemas['AuditEntry']
export type Baseline = Schemas['Baseline']
export type BaselineDetail = Schemas['BaselineDetail']
export type BaselineState = Schemas['BaselineState']
export type Blind = Schemas['Blind']
export type Configuration = Schemas['Configuration']
export type ConfigurationCheck = Schemas['ConfigurationCheck']
export type ConfigurationDetail = Schemas['ConfigurationDetail']
export type ConfiguredNode = Schemas['ConfiguredNode']
export type Container = Schemas['Container']
export type Counts = Schemas['Counts']
export type CoverageState = Schemas['CoverageState']
export type Event = Schemas['Event']
export type EventPage = Schemas['EventPage']
export type Exception = Schemas['Exception']
export type ExceptionKind = Schemas['ExceptionKind']
export type Factor = Schemas['Factor']
export type Finding = Schemas['Finding']
export type FindingKind = Schemas['FindingKind']
export type FixFirst = Schemas['FixFirst']
export type Flow = Schemas['Flow']
export type Grant = Schemas['Grant']
export type GroupGrant = Schemas['GroupGrant']
export type Histogram = Schemas['Histogram']
export type Hit = Schemas['Hit']
export type Hits = Schemas['Hits']
export type IdlePackage = Schemas['IdlePackage']
export type Image = Schemas['Image']
export type ImageDetail = Schemas['ImageDetail']
export type ImageName = Schemas['ImageName']
export type ImagePackage = Schemas['ImagePackage']
export type ImageProfile = Schemas['ImageProfile']
export type ImageTree = Schemas['ImageTree']
export type Incident = Schemas['Incident']
export type IncidentChange = Schemas['IncidentChange']
export type IncidentDetail = Schemas['IncidentDetail']
export type IncidentLink = Schemas['IncidentLink']
export type IncidentPart = Schemas['IncidentPart']
export type NewApart = Schemas['NewApart']
export type IncidentState = Schemas['IncidentState']
export type Hub = Schemas['Hub']
export type JoinToken = Schemas['JoinToken']
export type Layer = Schemas['Layer']
export type Line = Schemas['Line']
export type Login = Schemas['Login']
export type Me = Schemas['Me']
export type NewConfiguration = Schemas['NewConfiguration']
export type NewException = Schemas['NewException']
export type NewJoinToken = Schemas['NewJoinToken']
export type NewPlan = Schemas['NewPlan']
export type NewSink = Schemas['NewSink']
export type NewProvider = Schemas['NewProvider']
export type NewToken = Schemas['NewToken']
export type NewUser = Schemas['NewUser']
export type Node = Schemas['Node']
export type NodeDetail = Schemas['NodeDetail']
export type NodeState = Schemas['NodeState']
export type ExploitedFindings = Schemas['ExploitedFindings']
export type NewNotificationRule = Schemas['NewNotificationRule']
export type Notification = Schemas['Notification']
export type NotificationGroup = Schemas['NotificationGroup']
export type NotificationItem = Schemas['NotificationItem']
export type NotificationKind = Schemas['NotificationKind']
export type NotificationPreview = Schemas['NotificationPreview']
export type NotificationRule = Schemas['NotificationRule']
export type NotificationSink = Schemas['NotificationSink']
export type NotificationState = Schemas['NotificationState']
export type Outcome = Schemas['Outcome']
export type OwnerLoad = Schemas['OwnerLoad']
export type Package = Schemas['Package']
export type PackagePlace = Schemas['PackagePlace']
export type PasswordChange = Schemas['PasswordChange']
export type Peer = Schemas['Peer']
export type PeerKind = Schemas['PeerKind']
export type PlanChange = Schemas['PlanChange']
export type Planned = Schemas['Planned']
export type Problem = Schemas['Problem']
export type ProfileAnswer = Schemas['ProfileAnswer']
export type ProfiledEntry = Schemas['ProfiledEntry']
export type ProfiledFile = Schemas['ProfiledFile']
export type ProfiledPort = Schemas['ProfiledPort']
export type ProfiledWorkload = Schemas['ProfiledWorkload']
export type ProfileQuestion = Schemas['ProfileQuestion']
export type ProfileVerdict = Schemas['ProfileVerdict']
export type Progress = Schemas['Progress']
export type Provider = Schemas['Provider']
export type NewRegistry = Partial<Schemas['NewRegistry']> & Pick<Schemas['NewRegistry'], 'name' | 'url' | 'repositories'>
export type NewPolicy = Partial<Schemas['NewPolicy']> & Pick<Schemas['NewPolicy'], 'text'>
export type Policy = Schemas['Policy']
export type PolicyBreach = Schemas['PolicyBreach']
export type PolicyDetail = Schemas['PolicyDetail']
export type PolicyRuleTrial = Schemas['PolicyRuleTrial']
export type PolicyTrial = Schemas['PolicyTrial']
export type PolicyVersion = Schemas['PolicyVersion']
export type PolicyWish = Schemas['PolicyWish']
export type Registry = Schemas['Registry']
export type RegistryChange = Partial<Schemas['RegistryChange']>
export type RegistryCheck = Schemas['RegistryCheck']
export type RegistryHook = Schemas['RegistryHook']
export type RegistryRepository = Schemas['RegistryRepository']
export type RegistryState = Schemas['RegistryState']
export type RegistryTag = Schemas['RegistryTag']
export type Response = Schemas['Response']
export type ResponseState = Schemas['ResponseState']
export type ResponseTarget = Schemas['ResponseTarget']
export type Retention = Schemas['Retention']
export type RetentionDetail = Schemas['RetentionDetail']
export type Role = Schemas['Role']
export type Rollout = Schemas['Rollout']
export type Rule = Schemas['Rule']
export type RuleTest = Schemas['RuleTest']
export type RuleAlerts = Schemas['RuleAlerts']
export type SeenProfile = Schemas['SeenProfile']
export type ServiceMap = Schemas['ServiceMap']
export type Severity = Schemas['Severity']
export type Sink = Schemas['Sink']
export type SinkRecords = Schemas['SinkRecords']
export type SinkState = Schemas['SinkState']
export type SinkTarget = Schemas['SinkTarget']
export type SinkTest = Schemas['SinkTest']
export type SignIn = Schemas['SignIn']
export type SignInStep = Schemas['SignInStep']
export type SignInTest = Schemas['SignInTest']
export type State = Schemas['State']
export type StateChange = Schemas['StateChange']
export type SentScan = Schemas['SentScan']
export type Step = Schemas['Step']
export type TagState = Schemas['TagState']
export type Technique = Schemas['Technique']
export type TestedAlert = Schemas['TestedAlert']
export type TestedRule = Schemas['TestedRule']
export type Token = Schemas['Token']
export type Topic = Schemas['Topic']
export type TreeImage = Schemas['TreeImage']
export type TreeNode = Schemas['TreeNode']
export type TrendDay = Schemas['TrendDay']
export type Unsearched = Schemas['Unsearched']
export type Unused = Schemas['Unused']
export type User = Schemas['User']
export type UserChange = Schemas['UserChange']
export type Ways = Schemas['Ways']
export type Workload = Schemas['Workload']
export type WorkloadDetail = Schemas['WorkloadDetail']

/** A part of a list. */
export interface Page<T> {
  items: T[]
  total: number
  next?: string
}

/** A finding, with what the scanner said of it. */
export type FindingDetail = Omit<Schemas['FindingDetail'], 'report'> & { report: Report }

/** The first page. The description cannot say how long its short lists are. */
export type Overview = Omit<Schemas['Overview'], 'nodes' | 'images' | 'containers'> & {
  /** All, of these connected. */
  nodes: [number, number]
  /** All, of these scanned, of these with full coverage. */
  images: [number, number, number]
  /** All that run, of these with a known and scanned image. */
  containers: [number, number]
}

export type NewResponse = Omit<Schemas['NewResponse'], 'action'> & { action: Action }

// === words, in their order ===

export const TOPICS = [
  'findings',
  'workloads',
  'alerts',
  'incidents',
  'nodes',
  'responses',
  'configurations',
  'registries',
  'policies',
] as const
/** Each may also do what those before may. */
export const ROLES = ['scanner', 'viewer', 'triager', 'operator', 'admin'] as const
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info', 'unknown'] as const
export const FINDING_KINDS = ['vulnerability', 'secret', 'misconfiguration', 'behaviour'] as const
export const STATES = ['open', 'planned', 'fixed', 'rolling-out', 'verified', 'reopened', 'not-running', 'withdrawn'] as const
export const EXCEPTION_KINDS = ['deferral', 'risk-acceptance', 'false-positive'] as const
export const ALERT_STATES = ['new', 'seen', 'suppressed'] as const

export const SINK_KINDS = ['open-search', 'otlp', 'syslog', 'webhook', 'slack', 'teams', 'pager-duty', 'file'] as const
export const SINK_RECORDS = ['alerts', 'incidents', 'audit', 'events'] as const

export const NOTIFICATION_KINDS = [
  'new-finding',
  'incident',
  'deadline-near',
  'deadline-over',
  'exception-ends',
  'agent-lost',
  'sink-trouble',
] as const
export const NOTIFICATION_GROUPS = ['owner', 'kind', 'subject'] as const
export const NOTIFICATION_STATES = ['waiting', 'sent', 'failed'] as const

export const ACTIONS = ['isolate', 'freeze', 'kill-container', 'kill', 'kill-tree', 'evidence'] as const
export type Action = (typeof ACTIONS)[number]

// === that what is written by hand here agrees with the description ===

type Agree<Said, Ours extends Said> = Ours
type Same<A, B> = [A, B] extends [B, A] ? true : false

export type Agreed = [
  Agree<Page<Alert>, Schemas['Page_Alert']>,
  Agree<Page<Finding>, Schemas['Page_Finding']>,
  Agree<Page<Workload>, Schemas['Page_Workload']>,
  Agree<Page<Event>, EventPage>,
  Agree<Schemas['NewResponse'], NewResponse>,
  Agree<Schemas['FindingDetail'], FindingDetail>,
  Agree<Schemas['Overview'], Overview>,
  // No word is missing, and none is unknown.
  Agree<true, Same<Topic, (typeof TOPICS)[number]>>,
  Agree<true, Same<Role, (typeof ROLES)[number]>>,
  Agree<true, Same<Severity, (typeof SEVERITIES)[number]>>,
  Agree<true, Same<FindingKind, (typeof FINDING_KINDS)[number]>>,
  Agree<true, Same<State, (typeof STATES)[number]>>,
  Agree<true, Same<ExceptionKind, (typeof EXCEPTION_KINDS)[number]>>,
  Agree<true, Same<AlertState, (typeof ALERT_STATES)[number]>>,
  Agree<true, Same<SinkTarget['kind'], (typeof SINK_KINDS)[number]>>,
  Agree<true, Same<NotificationKind, (typeof NOTIFICATION_KINDS)[number]>>,
  Agree<true, Same<NotificationGroup, (typeof NOTIFICATION_GROUPS)[number]>>,
  Agree<true, Same<NotificationState, (typeof NOTIFICATION_STATES)[number]>>,
  Agree<true, Same<SinkRecords, (typeof SINK_RECORDS)[number]>>,
]

// === the finding inside a scan report: schema/scan-report-1.0.schema.json, $defs/finding ===
// It comes as it was written on the node, perhaps by an older or newer version: everything in it is optional here.

export interface PackageRef {
  kind: string
  name: string
  version: string
}

export interface Evidence {
  place?: string
  line?: number
  layer?: number
  detail?: string
  package?: PackageRef
  removed?: boolean
}

export interface Match {
  advisory: string
  source: string
  ecosystem: string
  package: string
  version: string
  range: string
  comparator: string
}

export interface Report {
  evidence?: Evidence[]
  fix?: string
  vulnerability?: {
    aliases?: string[]
    packages?: PackageRef[]
    matches?: Match[]
    fix?: string
    disputed?: boolean
    rated_by?: string
    cvss?: { vector: string; version: string; score: number; source: string }[]
    cwe?: number[]
    exploited?: { added: string; due?: string; ransomware: boolean }
    epss?: { probability: number; percentile: number }
    published?: string
    references?: string[]
    priority?: { score: number; factors: { name: string; points: number; why: string }[] }
  }
}
