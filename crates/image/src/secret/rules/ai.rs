//! Models and what belongs to them.

use super::{Rule, assigned};
use gabion_model::Severity::{Critical, High, Medium};

#[rustfmt::skip] // a table: three or four lines a rule
pub(super) const RULES: &[Rule] = &[
    Rule::new("openai-project-key", "OpenAI project key", Critical,
        &["sk-proj-", "sk-svcacct-", "sk-None-"], r"sk-(?:proj|svcacct|None)-[A-Za-z0-9_-]{40,}", "sk-proj-{74 alnum}T3BlbkFJ{74 alnum}", "sk-proj-{12 alnum}")
        .entropy(3.8),
    Rule::new("openai-admin-key", "OpenAI admin key", Critical,
        &["sk-admin-"], r"sk-admin-[A-Za-z0-9_-]{40,}", "sk-admin-{58 alnum}T3BlbkFJ{58 alnum}", "sk-admin-{12 alnum}")
        .entropy(3.8),
    Rule::new("openai-user-key", "OpenAI key", Critical,
        &["T3BlbkFJ"], r"\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b", "sk-{20 alnum}T3BlbkFJ{20 alnum}", "{20 alnum}T3BlbkFJ{20 alnum}")
        .back(24),
    Rule::new("anthropic-api-key", "Anthropic API key", Critical,
        &["sk-ant-api"], r"sk-ant-api\d\d-[A-Za-z0-9_-]{80,}", "sk-ant-api03-{93 alnum}AA", "sk-ant-api03-{12 alnum}"),
    Rule::new("anthropic-admin-key", "Anthropic admin key", Critical,
        &["sk-ant-admin"], r"sk-ant-admin\d\d-[A-Za-z0-9_-]{80,}", "sk-ant-admin01-{93 alnum}AA", "sk-ant-admin01-{12 alnum}"),
    Rule::new("anthropic-oauth-token", "Anthropic OAuth token", Critical,
        &["sk-ant-oat", "sk-ant-ort"], r"sk-ant-o[ar]t\d\d-[A-Za-z0-9_-]{80,}", "sk-ant-oat01-{93 alnum}AA", "sk-ant-oat01-{12 alnum}"),
    Rule::new("huggingface-token", "Hugging Face access token", Critical,
        &["hf_"], r"hf_[A-Za-z]{34}\b", "hf_{34 alpha}", "hf_{12 alpha}")
        .entropy(3.5),
    Rule::new("huggingface-organisation-token", "Hugging Face organisation token", High,
        &["api_org_"], r"api_org_[A-Za-z]{34}\b", "api_org_{34 alpha}", "api_org_{12 alpha}"),
    Rule::new("replicate-token", "Replicate API token", High,
        &["r8_"], r"r8_[A-Za-z0-9]{37}\b", "r8_{37 alnum}", "r8_{12 alnum}"),
    Rule::new("groq-api-key", "Groq API key", High,
        &["gsk_"], r"gsk_[A-Za-z0-9]{52}\b", "gsk_{52 alnum}", "gsk_{12 alnum}"),
    Rule::new("perplexity-api-key", "Perplexity API key", High,
        &["pplx-"], r"pplx-[A-Za-z0-9]{48,56}\b", "pplx-{48 alnum}", "pplx-{12 alnum}"),
    Rule::new("xai-api-key", "xAI API key", High,
        &["xai-"], r"xai-[A-Za-z0-9]{80}\b", "xai-{80 alnum}", "xai-{12 alnum}"),
    Rule::new("openrouter-api-key", "OpenRouter API key", High,
        &["sk-or-v1-"], r"sk-or-v1-[0-9a-f]{64}\b", "sk-or-v1-{64 hex}", "sk-or-v1-{12 hex}"),
    Rule::new("deepseek-api-key", "DeepSeek API key", High,
        &["deepseek"], assigned!("deepseek", "sk-[0-9a-f]{32}"), "DEEPSEEK_API_KEY=sk-{32 hex}", "DEEPSEEK_MODEL={12 hex}"),
    Rule::new("mistral-api-key", "Mistral API key", High,
        &["mistral"], assigned!("mistral[a-z_.-]{0,8}key", "[A-Za-z0-9]{32}"), "MISTRAL_API_KEY={32 alnum}", "MISTRAL_MODEL={32 alnum}")
        .entropy(3.5),
    Rule::new("cohere-api-key", "Cohere API key", High,
        &["cohere", "co_api_key"], assigned!("(?:cohere|co)_?api_?key", "[A-Za-z0-9]{40}"), "COHERE_API_KEY={40 alnum}", "COHERE_API_KEY={12 alnum}")
        .entropy(3.5),
    Rule::new("elevenlabs-api-key", "ElevenLabs API key", High,
        &["elevenlabs", "eleven_api_key"], assigned!("eleven(?:labs)?[a-z_.-]{0,8}key", "sk_[0-9a-f]{48}"), "ELEVENLABS_API_KEY=sk_{48 hex}", "ELEVENLABS_VOICE={20 hex}"),
    Rule::new("nvidia-api-key", "NVIDIA API key", High,
        &["nvapi-"], r"nvapi-[A-Za-z0-9_-]{60,}", "nvapi-{64 alnum}", "nvapi-{12 alnum}"),
    Rule::new("pinecone-api-key", "Pinecone API key", High,
        &["pcsk_"], r"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{60,}\b", "pcsk_{5 alnum}_{63 alnum}", "pcsk_{5 alnum}_{9 alnum}"),
    Rule::new("langsmith-api-key", "LangSmith API key", High,
        &["lsv2_pt_", "lsv2_sk_"], r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b", "lsv2_pt_{32 hex}_{10 hex}", "lsv2_pt_{12 hex}"),
    Rule::new("langfuse-secret-key", "Langfuse secret key", High,
        &["sk-lf-"], r"sk-lf-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "sk-lf-{uuid}", "sk-lf-{12 hex}"),
    Rule::new("tavily-api-key", "Tavily API key", Medium,
        &["tvly-"], r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}\b", "tvly-{32 alnum}", "tvly-{9 alnum}"),
    Rule::new("jina-api-key", "Jina AI API key", Medium,
        &["jina_"], r"jina_[0-9a-f]{32}[A-Za-z0-9_-]{28}", "jina_{32 hex}{28 alnum}", "jina_{9 hex}"),
    Rule::new("wandb-api-key", "Weights & Biases API key", High,
        &["wandb"], assigned!("wandb[a-z_.-]{0,8}key", "[0-9a-f]{40}"), "WANDB_API_KEY={40 hex}", "WANDB_RUN_ID={40 hex}"),
    Rule::new("voyage-api-key", "Voyage AI API key", Medium,
        &["voyage"], assigned!("voyage[a-z_.-]{0,8}key", "pa-[A-Za-z0-9_-]{43}"), "VOYAGE_API_KEY=pa-{43 alnum}", "VOYAGE_MODEL={12 alnum}"),
];
