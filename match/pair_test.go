package match_test

import (
	"math"
	"testing"

	"github.com/tandem-cosell/tandem/match"
)

// namePairs are of the tables: transliterations, legal forms in their languages,
// abbreviations and errors, and beside them companies that only look alike.
var namePairs = []struct {
	a, b string
	same bool
}{
	{"ООО «Ромашка»", "Romashka LLC", true},
	{"ПАО «Газпром»", "Gazprom PJSC", true},
	{"Публичное акционерное общество «Сбербанк»", "Public Joint Stock Company Sberbank", true},
	{"Общество с ограниченной ответственностью «Технопром»", "OOO Tekhnoprom", true},
	{"ЗАО Атомстройэкспорт", "CJSC Atomstroyexport", true},
	{"ТОВ Укрнафта", "Ukrnafta LLC", true},
	{"Αλουμίνιον της Ελλάδος", "Aluminion tis Ellados", true},
	{"Société Générale S.A.", "SOCIETE GENERALE", true},
	{"Škoda Auto a.s.", "Skoda Auto", true},
	{"Spółka Żabka Polska Sp. z o.o.", "Spolka Zabka Polska", true},
	{"Müller GmbH & Co. KG", "Muller", true},
	{"Ørsted A/S", "Orsted", true},
	{"北京银行股份有限公司", "Beijing Bank Co Ltd", true},
	{"华为技术有限公司", "Huawei Technology Co., Ltd.", true},
	{"삼성 주식회사", "Samseong Co Ltd", true},
	{"株式会社トヨタ", "トヨタ株式会社", true},
	{"Acme Holdings Limited", "ACME HLDGS LTD", true},
	{"International Business Machines Corp", "Intl Business Machines", true},
	{"Sitka Gold Corp", "SitkaGold Corporation", true},
	{"A.P. Møller - Mærsk A/S", "AP Moller Maersk", true},
	{"The Coca-Cola Company", "Coca Cola Co", true},
	{"Petróleo Brasileiro S.A.", "Petroleo Brasileiro", true},
	{"Kabushiki Kaisha Nichirei", "Nichirei Corp", true},
	{"Aktiengesellschaft Kühnle", "Kuhnle AG", true},
	{"Deutsche Telekom Aktiengesellschaft", "Deutsche Telekom AG", true},
	{"Limited Liability Company Rosneft Trading", "Rosneft Trading LLC", true},
	{"Shenzhen Guohua Network Security Technology", "Shenzhen Guohua Network Tech Security", true},
	{"Western Magnesium Corporation", "Western Magnesum Corp", true},
	{"Johnson and Johnson", "Johnson & Johnson", true},
	{"Pt Bank Mandiri (Persero) Tbk", "Bank Mandiri Persero", true},
	{"Laguna Resorts and Hotels Public Company Limited", "LAGUNA RESORTS & HOTELS PCL", true},
	{"Anheuser-Busch InBev SA/NV", "Anheuser Busch Inbev", true},
	{"Phillips 66", "Phillips 66 Partners LP", false},
	{"Kensington Capital Acquisition Corp. II", "Kensington Capital Acquisition Corp. IV", false},
	{"Deutsche Bank AG", "Deutsche Bank GmbH", false},
	{"Siemens Germany", "Siemens Asia Pacific", false},
	{"Delta Air Lines", "Delta Faucet Company", false},
	{"Bank of China", "Bank of India", false},
	{"American Airlines", "American Express", false},
	{"First National Bank of Omaha", "First National Bank of Alaska", false},
	{"Casa Minerals Inc", "Minerva Intelligence Inc", false},
	{"Alliance Mining Corp", "Reliance Mining Corp", false},
	{"ООО Ромашка", "ООО Василёк", false},
	{"General Motors", "General Electric", false},
	{"Mitsubishi Chemical", "Mitsubishi Electric", false},
	{"Sumitomo Forestry", "Sumitomo Corporation", false},
	{"Nippon Sheet Glass", "Nippon Electric Glass", false},
	{"Fintech Acquisition Corp V", "Fintech Acquisition Corp VI", false},
	{"Tata Steel", "Tata Motors", false},
	{"Indian Bank", "Indian Overseas Bank", false},
	{"Liberty Media", "Liberty Mutual", false},
	{"United Airlines", "United Parcel Service", false},
	{"Hyundai Motor", "Hyundai Department Store", false},
	{"China Southern Airlines", "China Eastern Airlines", false},
	{"Royal Bank of Canada", "Royal Bank of Scotland", false},
	{"Metro AG", "Metro Bank PLC", false},
	{"Nuveen Fund 2", "Nuveen Fund 3", false},
	{"Atlas Copco", "Atlas Air", false},
	{"Texas Instruments", "National Instruments", false},
	{"ЗАО Атом", "ЗАО Атлант", false},
}

func TestNamesAreComparedAcrossScriptsAndLegalForms(t *testing.T) {
	t.Parallel()
	var right, said, all int
	for _, p := range namePairs {
		s := match.CompareNames(p.a, p.b)
		if p.same {
			all++
		}
		if s >= match.SameName {
			said++
			if p.same {
				right++
			}
		}
		if s >= match.SameName != p.same {
			t.Logf("%.3f %s | %s", s, p.a, p.b)
		}
	}
	f1 := 2 * float64(right) / float64(said+all)
	t.Logf("F1 %.3f", f1)
	if f1 < 0.90 {
		t.Errorf("F1 %.3f, promised 0.90", f1)
	}
}

func FuzzCompareNames(f *testing.F) {
	for _, p := range namePairs {
		f.Add(p.a, p.b)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		s := match.CompareNames(a, b)
		if s != match.CompareNames(b, a) || s < 0 || s > 1 || math.IsNaN(s) {
			t.Errorf("%q and %q: %v, the other way %v", a, b, s, match.CompareNames(b, a))
		}
		if blank := match.ParseName(a, "").Base == ""; match.CompareNames(a, a) != 1 && !blank {
			t.Errorf("%q is not like itself: %v", a, match.CompareNames(a, a))
		}
	})
}
