package hf

import (
	"slices"

	"github.com/qconv/qconv/formats/internal/strictjson"
)

const (
	keySequence       = "general.sampling.sequence"
	keyTopK           = "general.sampling.top_k"
	keyTopP           = "general.sampling.top_p"
	keyMinP           = "general.sampling.min_p"
	keyXTCProbability = "general.sampling.xtc_probability"
	keyXTCThreshold   = "general.sampling.xtc_threshold"
	keyTemp           = "general.sampling.temp"
	keyPenaltyLastN   = "general.sampling.penalty_last_n"
	keyPenaltyRepeat  = "general.sampling.penalty_repeat"
	keyMirostat       = "general.sampling.mirostat"
	keyMirostatTau    = "general.sampling.mirostat_tau"
	keyMirostatEta    = "general.sampling.mirostat_eta"

	keyName          = "general.name"
	keyAuthor        = "general.author"
	keyVersion       = "general.version"
	keyOrganization  = "general.organization"
	keyFinetune      = "general.finetune"
	keyBasename      = "general.basename"
	keyDescription   = "general.description"
	keyQuantizedBy   = "general.quantized_by"
	keySize          = "general.size_label"
	keyLicense       = "general.license"
	keyLicenseName   = "general.license.name"
	keyLicenseLink   = "general.license.link"
	keyURL           = "general.url"
	keyDOI           = "general.doi"
	keyUUID          = "general.uuid"
	keyRepoURL       = "general.repo_url"
	keySourceURL     = "general.source.url"
	keySourceDOI     = "general.source.doi"
	keySourceUUID    = "general.source.uuid"
	keySourceRepoURL = "general.source.repo_url"

	keyTags      = "general.tags"
	keyLanguages = "general.languages"

	// Only in the user's override; written as general.base_model.* and general.dataset.*.
	keyBaseModels = "general.base_models"
	keyDatasets   = "general.datasets"
)

// textKeys are written in this order. keyLicense cannot be overridden by the user's JSON: the
// reference does not read it there.
var textKeys = [...]string{
	keyName, keyAuthor, keyVersion, keyOrganization, keyFinetune, keyBasename, keyDescription, keyQuantizedBy, keySize,
	keyLicense, keyLicenseName, keyLicenseLink, keyURL, keyDOI, keyUUID, keyRepoURL,
	keySourceURL, keySourceDOI, keySourceUUID, keySourceRepoURL,
}

var listKeys = [...]string{keyTags, keyLanguages}

// samplingKeys are written first, in this order. generation lists the names in
// generation_config.json; the first that is there counts, even when it is null.
var samplingKeys = [...]struct {
	key        string
	write      func(key string, v strictjson.Value) (any, error)
	generation []string
}{
	{keySequence, textValue, []string{"sequence"}},
	{keyTopK, intValue, []string{"top_k"}},
	{keyTopP, floatValue, []string{"top_p"}},
	{keyMinP, floatValue, []string{"min_p"}},
	{keyXTCProbability, floatValue, []string{"xtc_probability"}},
	{keyXTCThreshold, floatValue, []string{"xtc_threshold"}},
	{keyTemp, floatValue, []string{"temperature"}},
	{keyPenaltyLastN, intValue, []string{"penalty_last_n"}},
	{keyPenaltyRepeat, floatValue, []string{"penalty_repeat", "repetition_penalty"}},
	{keyMirostat, intValue, []string{"mirostat"}},
	{keyMirostatTau, floatValue, []string{"mirostat_tau"}},
	{keyMirostatEta, floatValue, []string{"mirostat_eta"}},
}

// isOverridable tells whether the user's JSON may set a key.
func isOverridable(key string) bool {
	for _, s := range samplingKeys {
		if s.key == key {
			return true
		}
	}
	return key != keyLicense && (slices.Contains(textKeys[:], key) || slices.Contains(listKeys[:], key))
}

// originFields are the members written of each base model and data set, in order.
var originFields = [...]string{"name", "author", "version", "organization", "description", "url", "doi", "uuid", "repo_url"}
